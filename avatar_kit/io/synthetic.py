"""What pictures and videos of an avatar say of themselves: that they are synthetic.

Pictures carry XMP with the property that IPTC has for it, ``DigitalSourceType``, which programs and
networks that label synthetic pictures read; and a line for a person.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from avatar_kit import __version__

if TYPE_CHECKING:
    from avatar_kit.io.signing import Signer

#: IPTC's terms: a picture made by a trained model alone, and one that shows recorded pixels too.
TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True)
class Synthetic:
    """Whose avatar a picture shows, and what painted it.

    Attributes:
        capture: Name of the capture the avatar was trained on.
        run: Name of the run folder.
        method: Of the training.
        consent: What the person agreed to; None where nobody said.
        composite: Whether recorded pixels are in the picture too.
        signer: Who signs it; None: nobody.
    """

    capture: str
    run: str
    method: str
    consent: str | None = None
    composite: bool = False
    signer: Signer | None = field(default=None, compare=False, repr=False)

    @property
    def tool(self) -> str:
        """The program and its version."""
        return f"avatar-kit {__version__}"

    @property
    def source(self) -> str:
        """IPTC's term for how it was made."""
        return COMPOSITE if self.composite else TRAINED

    def beside_recorded(self) -> Synthetic:
        """The same, in a picture that shows recorded pixels too."""
        return replace(self, composite=True)

    def line(self) -> str:
        """For a person."""
        consent = f"; consent: {self.consent}" if self.consent else ""
        return (
            f"Synthetic: an avatar of {self.capture}, painted by {self.tool} "
            f"(run {self.run}, method {self.method}){consent}"
        )

    def xmp(self) -> bytes:
        """A packet of XMP."""
        return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
<xmp:CreatorTool>{escape(self.tool)}</xmp:CreatorTool>
<Iptc4xmpExt:DigitalSourceType>{self.source}</Iptc4xmpExt:DigitalSourceType>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{escape(self.line())}</rdf:li></rdf:Alt>\
</dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>""".encode()
