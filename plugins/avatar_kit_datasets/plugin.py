"""Registration of the field's datasets. Torch-free."""

from __future__ import annotations

from avatar_kit import hookimpl
from avatar_kit_datasets import config

#: Name -> config, module and class.
FORMATS = {
    "pictures": (config.PicturesConfig, "pictures:PlainPictures"),
    "people_snapshot": (config.PeopleSnapshotConfig, "people_snapshot:PeopleSnapshot"),
    "neuman": (config.NeumanConfig, "neuman:Neuman"),
    "zju_mocap": (config.ZjuMocapConfig, "zju_mocap:ZjuMocap"),
    "actorshq": (config.ActorsHqConfig, "actorshq:ActorsHq"),
    "avatarrex": (config.AvatarRexConfig, "avatarrex:AvatarRex"),
    "dna_rendering": (config.DnaRenderingConfig, "dna_rendering:DnaRendering"),
    "easymocap": (config.EasyMocapConfig, "easymocap:EasyMocap"),
    "exavatar": (config.ExAvatarConfig, "exavatar:ExAvatar"),
    "x_humans": (config.XHumansConfig, "x_humans:XHumans"),
    "hf_nhmt": (config.HfNhmtConfig, "hf_nhmt:HfNhmt"),
}


@hookimpl
def register_datasets(register) -> None:
    """Recordings in the formats of their publishers."""
    for name, (own, target) in FORMATS.items():
        register(name, config=own, target=f"avatar_kit_datasets.formats.{target}")
