"""What every app may use: no tables, no business."""
