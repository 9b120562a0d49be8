"""Photos as phones make them, with everything that should not stay; and headers that lie."""

import io
import struct
import zlib

from PIL import Image
from PIL.PngImagePlugin import PngInfo

SECRETS = (b"Exif", b"GPS", b"xmpmeta", b"rahasia", b"Photoshop")
"""None of these bytes may be in what is kept."""
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>6,14.2S</exif:GPSLatitude></x:xmpmeta>'


def photo(kind: str = "JPEG", size: tuple[int, int] = (64, 48), *, orientation: int = 1) -> bytes:
    """A picture that says where and when it was taken, in every way in which its kind can."""
    image = Image.radial_gradient("L").convert("RGB").resize(size)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "GPS rahasia phone"
    exif[0x8825] = {1: "S", 2: (6.0, 14.0, 17.7), 3: "E", 4: (106.0, 59.0, 32.5)}
    out = io.BytesIO()
    if kind == "JPEG":
        image.save(out, kind, exif=exif, xmp=XMP, comment=b"rahasia")
    elif kind == "PNG":
        notes = PngInfo()
        notes.add_text("Comment", "rahasia")
        notes.add_itxt("XML:com.adobe.xmp", XMP.decode())
        image.save(out, kind, exif=exif, pnginfo=notes)
    else:
        image.save(out, kind, exif=exif, xmp=XMP)
    return out.getvalue()


def claiming(kind: str, width: int, height: int) -> bytes:
    """A small file whose header says that the picture is so large."""
    if kind == "PNG":
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        chunks = [b"IHDR" + header, b"IDAT" + zlib.compress(bytes(100)), b"IEND"]
        written = (
            struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
        )
        return b"\x89PNG\r\n\x1a\n" + b"".join(written)
    body = bytearray(photo("JPEG"))
    start = body.index(b"\xff\xc0")
    body[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(body)


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
