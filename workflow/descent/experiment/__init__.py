"""What config.yaml asks for."""
