"""What runs the graph of a model: ONNX Runtime or torch."""
