"""Registration of the field's datasets. Torch-free."""
