"""The applications of RentMeter; who may import whom is held by the contracts in .importlinter."""
