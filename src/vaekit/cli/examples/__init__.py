"""Commands that read and write examples."""
