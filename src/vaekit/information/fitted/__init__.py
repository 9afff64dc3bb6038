"""What is fitted to a trained model: noise, a prior of its codes, other axes."""
