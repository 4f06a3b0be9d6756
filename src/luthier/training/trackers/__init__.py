"""Other people's dashboards: what happens in a run, told to TensorBoard, Weights & Biases or MLflow."""
