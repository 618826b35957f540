"""What this plugin registers. Torch-free: it is read whenever a command starts."""

from avatar_kit import hookimpl
from avatar_kit_blobs import config

#: The version of avatar-kit's plugin contracts this is written for.
avatar_kit_api = 2


@hookimpl
def register_encoders(register):
    """Round Gaussians on vertices of the body."""
    register("blob_cloud", config=config.CloudConfig, target="avatar_kit_blobs.cloud:Cloud")


@hookimpl
def register_renderers(register):
    """Splatting before the plate."""
    register("blob_splat", config=config.SplatConfig, target="avatar_kit_blobs.renderer:Splat")


@hookimpl
def register_methods(register):
    """The two, trained with the absolute error."""
    register("blobs", config=config.BlobsConfig, target="avatar_kit_blobs.method:Blobs")


@hookimpl
def register_datasets(register):
    """Pictures, masks, a camera and a motion in a plain folder."""
    register("blob_folder", config=config.FolderConfig, target="avatar_kit_blobs.folder:Folder")


@hookimpl
def register_metrics(register):
    """How well edges are met."""
    register("blob_edges", config=config.EdgesConfig, target="avatar_kit_blobs.metric:Edges")
