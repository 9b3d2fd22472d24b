"""WeChat Pay and Alipay behind one interface. `base` says what it promises; start there."""
