"""What becomes of pictures that strangers hand in."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shared.pictures import LONGEST_SIDE, NoPicture, TooManyPixels, drawn_anew
from tests.kit.pictures import SECRETS, claiming, photo

KINDS = ("JPEG", "PNG", "WEBP")


def reread(body: bytes) -> Image.Image:
    return Image.open(io.BytesIO(body))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.fault(36)
def test_nothing_stays_of_where_and_when_a_photo_was_taken(kind: str) -> None:
    given_photo = photo(kind)
    assert dict(reread(given_photo).getexif().get_ifd(0x8825))[2][0] == 6
    assert any(secret in given_photo for secret in SECRETS)
    drawn = drawn_anew(given_photo, kind)  # pyright: ignore[reportArgumentType] - one of three
    kept = reread(drawn.body)
    assert (kept.format, kept.size, (drawn.width, drawn.height)) == (kind, (64, 48), (64, 48))
    assert dict(kept.getexif()) == {}
    assert not {"exif", "xmp", "comment", "icc_profile", "XML:com.adobe.xmp", "Comment"} & set(kept.info)
    assert [secret for secret in SECRETS if secret in drawn.body] == []
    assert drawn_anew(given_photo, kind) == drawn  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_stands_upright_without_the_note_that_it_lies(kind: str) -> None:
    drawn = drawn_anew(photo(kind, orientation=6), kind)  # pyright: ignore[reportArgumentType]
    assert (drawn.width, drawn.height) == (48, 64)


def test_what_is_hidden_behind_a_picture_goes() -> None:
    drawn = drawn_anew(photo() + b"<script>rahasia</script>" + photo(), "JPEG")
    assert b"script" not in drawn.body
    assert drawn.body.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_picture_is_made_smaller_and_its_shape_stays(kind: str) -> None:
    drawn = drawn_anew(photo(kind, (5200, 1300)), kind)  # pyright: ignore[reportArgumentType]
    assert (drawn.width, drawn.height) == (LONGEST_SIDE, LONGEST_SIDE // 4)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_every_way_to_keep_pixels_is_taken(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    out = io.BytesIO()
    Image.new(mode, (30, 20)).save(out, kind)
    assert drawn_anew(out.getvalue(), kind).width == 30


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.fault(36)
def test_a_picture_that_claims_to_be_huge_is_refused_by_its_header(kind: str) -> None:
    with pytest.raises(TooManyPixels):
        drawn_anew(claiming(kind, 30_000, 30_000), kind)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("broken", [b"", b"<html>", photo("JPEG")[:300], photo("PNG")[:60], photo("WEBP")[:40]])
def test_what_cannot_be_drawn_is_no_picture(kind: str, broken: bytes) -> None:
    with pytest.raises(NoPicture):
        drawn_anew(broken, kind)  # pyright: ignore[reportArgumentType]


@given(st.sampled_from(KINDS), st.integers(0, 400), st.binary(max_size=8))
def test_a_damaged_photo_is_drawn_or_refused(kind: str, place: int, damage: bytes) -> None:
    body = bytearray(photo(kind))
    body[place : place + len(damage)] = damage
    try:
        drawn_anew(bytes(body), kind)  # pyright: ignore[reportArgumentType]
    except (NoPicture, TooManyPixels):
        return
