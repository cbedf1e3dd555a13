"""Which photos are taken, and that nothing of where they were made is stored."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.claims import photo_rules
from orders.claims.photo_rules import PhotoTooLarge, PhotoType, PhotoTypeDiffers, PhotoUnreadable
from tests.orders.claims import pictures
from tests.orders.claims.pictures import COLOURS, COMMENT, EXIF, JFIF, MORE_PICTURES, PLACE, chunk, part

TAGGED = {
    PhotoType.JPEG: pictures.jpeg(
        JFIF, EXIF, COLOURS, MORE_PICTURES, COMMENT, after=pictures.jpeg(EXIF) + PLACE
    ),
    PhotoType.PNG: pictures.png(chunk(b"eXIf", PLACE), chunk(b"tEXt", PLACE), after=PLACE),
    PhotoType.WEBP: pictures.webp(
        pictures.EXTENDED, pictures.PICTURE, part(b"EXIF", PLACE), part(b"XMP ", PLACE), after=PLACE
    ),
}
BARE = {
    PhotoType.JPEG: pictures.jpeg(JFIF, COLOURS),
    PhotoType.PNG: pictures.png(),
    PhotoType.WEBP: pictures.webp(part(b"VP8X", b"\x20" + bytes(9)), pictures.PICTURE),
}


@pytest.mark.parametrize("kind", list(PhotoType))
def test_what_stands_beside_the_picture_is_left_out(kind: PhotoType) -> None:
    assert PLACE in TAGGED[kind]
    assert photo_rules.cleaned(TAGGED[kind], kind) == BARE[kind]


@pytest.mark.parametrize("kind", list(PhotoType))
def test_a_photo_without_anything_beside_it_stays_as_it_is(kind: PhotoType) -> None:
    assert photo_rules.cleaned(BARE[kind], kind) == BARE[kind]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_real_photos_lose_their_place_and_keep_every_pixel(form: str) -> None:
    image = pytest.importorskip("PIL.Image")
    made = image.effect_noise((64, 48), 90).convert("RGB")
    exif = image.Exif()
    exif[0x010E] = PLACE.decode()
    stored = io.BytesIO()
    options = {"progressive": True} if form == "JPEG" else {}
    made.save(stored, form, exif=exif, **options)
    data = stored.getvalue()
    assert PLACE in data
    cleaned = photo_rules.cleaned(data, PhotoType(f"image/{form.lower()}"))
    assert PLACE not in cleaned
    before, after = (image.open(io.BytesIO(each)) for each in (data, cleaned))
    assert after.tobytes() == before.tobytes()
    assert not after.getexif()


@pytest.mark.parametrize("kind", list(PhotoType))
@pytest.mark.parametrize("other", list(PhotoType))
def test_the_first_bytes_decide(kind: PhotoType, other: PhotoType) -> None:
    if kind == other:
        return
    with pytest.raises(PhotoTypeDiffers) as refused:
        photo_rules.cleaned(BARE[kind], other)
    assert refused.value.facts == {"found": kind}


@pytest.mark.parametrize("kind", list(PhotoType))
def test_what_is_cut_off_is_refused_wherever_it_is_cut(kind: PhotoType) -> None:
    whole = BARE[kind]
    for end in range(len(whole)):
        with pytest.raises((PhotoTypeDiffers, PhotoUnreadable)):
            photo_rules.cleaned(whole[:end], kind)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (PhotoType.JPEG, b"\xff\xd8\xff\xd9"),
        (PhotoType.JPEG, b"\xff\xd8" + EXIF + b"\xff\xd9"),
        (PhotoType.JPEG, pictures.jpeg(b"\xff\xe1\x00\x01")),
        (PhotoType.JPEG, pictures.jpeg(b"\xff\x01\x00\x02")),
        (PhotoType.PNG, pictures.png(chunk(b"EVIL", PLACE))),
        (PhotoType.PNG, b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"")),
        (PhotoType.WEBP, pictures.webp(part(b"ANIM", bytes(6)), pictures.PICTURE)),
        (PhotoType.WEBP, pictures.webp(part(b"EXIF", PLACE))),
    ],
)
def test_what_is_no_picture_is_refused(kind: PhotoType, data: bytes) -> None:
    with pytest.raises(PhotoUnreadable):
        photo_rules.cleaned(data, kind)


def test_what_is_too_large_is_not_looked_at() -> None:
    with pytest.raises(PhotoTooLarge):
        photo_rules.cleaned(bytes(photo_rules.BYTES_MAX + 1), PhotoType.PNG)


@given(st.sampled_from(list(PhotoType)), st.binary(max_size=300), st.booleans())
def test_whatever_comes_is_refused_or_cleaned_for_good(kind: PhotoType, noise: bytes, is_head: bool) -> None:
    """Cleaned twice is cleaned once, and never larger."""
    data = BARE[kind][:20] + noise if is_head else noise
    try:
        once = photo_rules.cleaned(data, kind)
    except (PhotoTypeDiffers, PhotoUnreadable):
        return
    assert len(once) <= len(data)
    assert photo_rules.cleaned(once, kind) == once


@given(st.binary(max_size=400), st.sampled_from(list(PhotoType)), st.integers(0, 400))
def test_a_photo_with_noise_in_it_never_breaks_the_reader(noise: bytes, kind: PhotoType, at: int) -> None:
    data = TAGGED[kind][:at] + noise + TAGGED[kind][at + len(noise) :]
    try:
        photo_rules.cleaned(data, kind)
    except (PhotoTypeDiffers, PhotoUnreadable):
        return
