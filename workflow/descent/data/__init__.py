"""MNIST, and other data in its format."""
