"""Names that torch-free modules share."""

#: Files that are taken for pictures.
KINDS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
