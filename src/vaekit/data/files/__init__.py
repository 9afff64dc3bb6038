"""What users bring in files: folders of pictures, arrays and tables."""
