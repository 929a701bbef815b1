"""Networks of robomem and their training: the only stage that imports torch. What they learn runs in NumPy or ONNX where it is used."""
