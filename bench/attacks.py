"""What people do to a photo before they post it again: one function an attack, all repeatable."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

Picture = Image.Image
# The photo, another one, and a source of chance of its own.
Attack = Callable[[Picture, Picture, random.Random], Picture]


def _recoded(image: Picture, form: str, quality: int) -> Picture:
    file = io.BytesIO()
    image.save(file, form, quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")


def _scaled(image: Picture, factor: float) -> Picture:
    size = (max(8, round(image.width * factor)), max(8, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC)


def _cropped(image: Picture, part: float, chance: random.Random) -> Picture:
    """Loses `part` of each side's length, from random edges."""
    width, height = round(image.width * (1 - part)), round(image.height * (1 - part))
    left = chance.randint(0, image.width - width)
    top = chance.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _hue(image: Picture) -> Picture:
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point([(level + 40) % 256 for level in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def _text_bar(image: Picture) -> Picture:
    made = image.copy()
    draw = ImageDraw.Draw(made)
    top = round(made.height * 0.85)
    draw.rectangle((0, top, made.width, made.height), fill=(0, 0, 0))
    draw.text((8, top + 4), "SHARED FROM SOMEWHERE", fill=(255, 255, 255))
    return made


def _corner(image: Picture) -> Picture:
    return image.crop((0, 0, round(image.width * 0.8), round(image.height * 0.8)))


def _border(image: Picture) -> Picture:
    x, y = round(image.width * 0.1), round(image.height * 0.1)
    made = Image.new("RGB", (image.width + 2 * x, image.height + 2 * y), (255, 255, 255))
    made.paste(image, (x, y))
    return made


def _screenshot(image: Picture) -> Picture:
    """A phone's screen: status bar, the photo across, buttons and lines of text below."""
    width = image.width
    made = Image.new("RGB", (width, round(image.height * 1.6) + 40), (245, 245, 245))
    draw = ImageDraw.Draw(made)
    draw.rectangle((0, 0, width, 24), fill=(30, 30, 30))
    draw.text((6, 6), "12:30        5G  87%", fill=(255, 255, 255))
    top = 40 + round(image.height * 0.1)
    made.paste(image, (0, top))
    for line in range(5):
        y = top + image.height + 14 + 16 * line
        draw.text((10, y), "comment comment comment " * 2, fill=(60, 60, 60))
    return made


def _meme(image: Picture) -> Picture:
    band = round(image.height * 0.25)
    made = Image.new("RGB", (image.width, image.height + band), (255, 255, 255))
    draw = ImageDraw.Draw(made)
    for line in range(max(1, band // 16)):
        draw.text((10, 4 + 16 * line), "WHEN YOU SEE IT AND YOU KNOW IT " * 2, fill=(0, 0, 0))
    made.paste(image, (0, band))
    return made


def _pasted(image: Picture, other: Picture, chance: random.Random) -> Picture:
    made = other.copy()
    factor = (chance.uniform(0.25, 0.6) * made.width * made.height) ** 0.5
    factor /= (image.width * image.height) ** 0.5
    factor = min(factor, made.width / image.width, made.height / image.height)
    small = _scaled(image, factor)
    left = chance.randint(0, max(0, made.width - small.width))
    top = chance.randint(0, max(0, made.height - small.height))
    made.paste(small, (left, top))
    return made


def _collage(image: Picture, other: Picture) -> Picture:
    right = other.resize((image.width, image.height), Image.Resampling.BICUBIC)
    made = Image.new("RGB", (image.width * 2, image.height))
    made.paste(image, (0, 0))
    made.paste(right, (image.width, 0))
    return made


def _combined(image: Picture, other: Picture, chance: random.Random) -> Picture:
    """Two or three of the milder ones after each other."""
    for name in chance.sample(MILD, 3):
        image = ATTACKS[name](image, other, chance)
    return _recoded(image, "JPEG", 60)


EASY = ("jpeg30", "jpeg10", "half", "quarter", "blur", "brightness", "grey", "hue")
HARD = ("crop25", "corner20", "border10", "screenshot")
MILD = ("half", "brightness", "grey", "hue", "text_bar", "crop5", "crop10", "blur", "webp")

ATTACKS: dict[str, Attack] = {
    "jpeg30": lambda image, other, chance: _recoded(image, "JPEG", 30),
    "jpeg10": lambda image, other, chance: _recoded(image, "JPEG", 10),
    "half": lambda image, other, chance: _scaled(image, 0.5),
    "quarter": lambda image, other, chance: _scaled(image, 0.25),
    "square": lambda image, other, chance: image.resize((256, 256)),
    "blur": lambda image, other, chance: image.filter(ImageFilter.GaussianBlur(2)),
    "brightness": lambda image, other, chance: ImageEnhance.Brightness(image).enhance(1.4),
    "grey": lambda image, other, chance: image.convert("L").convert("RGB"),
    "hue": lambda image, other, chance: _hue(image),
    "text_bar": lambda image, other, chance: _text_bar(image),
    "webp": lambda image, other, chance: _recoded(image, "WEBP", 40),
    "crop5": lambda image, other, chance: _cropped(image, 0.05, chance),
    "crop10": lambda image, other, chance: _cropped(image, 0.10, chance),
    "crop25": lambda image, other, chance: _cropped(image, 0.25, chance),
    "corner20": lambda image, other, chance: _corner(image),
    "rotate4": lambda image, other, chance: image.rotate(4, Image.Resampling.BICUBIC),
    "rotate90": lambda image, other, chance: image.transpose(Image.Transpose.ROTATE_90),
    "mirror": lambda image, other, chance: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "border10": lambda image, other, chance: _border(image),
    "screenshot": lambda image, other, chance: _screenshot(image),
    "meme": lambda image, other, chance: _meme(image),
    "pasted": _pasted,
    "collage": lambda image, other, chance: _collage(image, other),
    "mixed_a": _combined,
    "mixed_b": _combined,
}


def attacked(name: str, image: Picture, other: Picture, seed: int) -> Picture:
    """The photo under an attack; the same seed gives the same picture."""
    return ATTACKS[name](image, other, random.Random(f"{name} {seed}"))  # noqa: S311
