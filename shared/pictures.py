"""Pictures that strangers hand in, made harmless: drawn anew from their pixels, with nothing else of the file.

So no place, time, device or thumbnail stays (EXIF, XMP, IPTC, comments), nothing behind the end of the picture,
and no trick of the original's encoding. What cannot be drawn is no picture.
"""

import asyncio
import io
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

PictureKind = Literal["JPEG", "PNG", "WEBP"]

MOST_PIXELS: Mapping[PictureKind, int] = {"JPEG": 52_000_000, "PNG": 26_000_000, "WEBP": 16_000_000}
"""Judged by the header, before anything is decoded. A photo of a phone's sensor of 50 megapixels fits; of the
others, which are screens and what messengers send, a pixel costs 6 to 16 bytes of memory while it is drawn."""
LONGEST_SIDE = 2560
"""Pixels. A page of paper can be read, and a day of a city's photos is some 20 GB less."""
QUALITY = 85

_ONE_AT_A_TIME = ThreadPoolExecutor(1, thread_name_prefix="pictures")
"""A large picture takes some 250 MB while it is drawn: two at once might be more than a container has. A thread of
its own, so that those who wait take none from anybody else."""


class Picture(NamedTuple):
    """A picture as it is kept; width and height in pixels."""

    body: bytes
    width: int
    height: int


class NoPicture(Exception):
    """It cannot be drawn."""


class TooManyPixels(Exception):
    """It claims to be larger than MOST_PIXELS."""


async def drawn(body: bytes, kind: PictureKind) -> Picture:
    """`drawn_anew`, when its turn comes."""
    return await asyncio.get_running_loop().run_in_executor(_ONE_AT_A_TIME, drawn_anew, body, kind)


def drawn_anew(body: bytes, kind: PictureKind) -> Picture:
    """The picture alone, upright, at most LONGEST_SIDE on either side. Takes up to a second of a core.

    Raises TooManyPixels, NoPicture.
    """
    from PIL import Image, ImageOps

    # Pillow refuses twice as many as it warns of, by the header alone; its warnings are for nobody here.
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS[kind] // 2
    warnings.filterwarnings("ignore", module="PIL")
    try:
        with Image.open(io.BytesIO(body), formats=[kind]) as opened:
            image: Image.Image = opened
            if image.mode not in ("RGB", "RGBA", "L", "CMYK"):
                # A palette or 16 bits cannot be made smaller as they are.
                image = image.convert("RGBA" if "transparency" in image.info or "A" in image.mode else "RGB")
            # Of a JPEG no more pixels are decoded than are needed.
            image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
            image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), reducing_gap=None)
            image.load()
            image = ImageOps.exif_transpose(image)
            if (kind == "JPEG" and image.mode not in ("RGB", "L")) or image.mode == "CMYK":
                image = image.convert("RGB")
            image.info = {}
            out = io.BytesIO()
            image.save(out, format=kind, quality=QUALITY)
            return Picture(out.getvalue(), image.width, image.height)
    except Image.DecompressionBombError as error:
        raise TooManyPixels from error
    except Exception as error:
        # Decoders fail in as many ways as there are broken files.
        raise NoPicture(type(error).__name__) from error
