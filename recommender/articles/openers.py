"""Find where the sentences of a text begin, behind bylines, datelines and captions."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.articles.scripts import CAPITAL

LINK_LABELS = (
    *("read more", "read also", "also read", "read next", "read on", "see also", "see more", "more on this"),
    *("more on this story", "related", "related stories", "related story", "related articles", "related article"),
    *("more", "read"),
    *("related links", "related coverage", "further reading", "don't miss", "recommended", "watch also"),
    *("you may also like", "lees ook", "lees meer", "lees verder", "lees hier", "zie ook", "kijk ook", "bekijk ook"),
    *("luister ook", "meer lezen", "meer hierover", "ook interessant", "lesen sie auch", "lesen sie mehr", "lies auch"),
    *("mehr zum thema", "mehr dazu", "siehe auch", "weiterlesen", "lire aussi", "à lire aussi", "à lire", "lire plus"),
    *("voir aussi", "sur le même sujet", "en savoir plus", "lea también", "lee también", "leer más", "ver también"),
    *("te puede interesar", "leia também", "leia mais", "veja também", "saiba mais", "leggi anche", "vedi anche"),
    *("läs också", "läs även", "läs mer", "les også", "les mer", "læs også", "læs mere", "lue myös", "czytaj także"),
    *("czytaj też", "czytaj więcej", "zobacz także"),
)
"""Labels before links to other stories, in small letters."""

PICTURE_LABELS = (
    *("file photo", "photo", "photos", "photo credit", "photo credits", "photo by", "picture", "pictures", "image"),
    *("photo illustration", "photo illustration by", "illustration by", "photo-illustration by"),
    *("images", "image credit", "image source", "image caption", "media caption", "foto", "fotos", "bild", "bilder"),
    *("bildquelle", "quelle", "crédit photo", "crédits photo", "photographie", "beeld", "fotografie", "immagine"),
    *("foto de", "imagen", "imagem", "zdjęcie"),
)
"""Labels before captions and credits of pictures, in small letters."""

CREDIT_OPENERS = (
    *("reporting by", "additional reporting", "editing by", "writing by", "compiled by", "photo by", "photos by"),
    *("photograph by", "image by", "video by"),
)
"""Two words that begin a paragraph of credits, in small letters."""

LINK_OPENERS = (
    *("see also", "also read", "read also", "click here", "click to", "click below", "story continues", "sign up"),
    *(
        "article continues",
        "continue reading",
        "scroll down",
        "follow us",
        "related coverage",
        "lees ook",
        "lire aussi",
    ),
)
"""Two words that begin a paragraph of links, calls or what a page says of itself, in small letters."""

LINK_CLOSERS = (
    "read more",
    "lees meer",
    "lees verder",
    "lire plus",
    "mehr lesen",
    "mehr dazu",
    "leer más",
    "leia mais",
)
"""Two words that end a paragraph which is the headline of another story, in small letters."""

_LONGEST = 160  # characters of a text in which openers stand
_LETTER = r"[^\W\d_]"
_SMALL = "and|und|et|y|e|en|og|och|de|van|von|der|den|la|le|du|da|dos|al|bin|ten|for|in|&"
_NAME = rf"{CAPITAL}[\w.'’-]*"
_BYLINE = re.compile(
    r"\s*(?:By|BY|by|Von|VON|Par|PAR|Por|POR|Door|DOOR|Di|DI|Av|AV|Af|AF) "
    rf"{_NAME}(?: (?:{_NAME}|{_SMALL}))*(?:, [^\n.!?]+)?[ \t]*\n\s*"
)
_AGENCIES = (
    "Reuters|AP|The Associated Press|Associated Press|AFP|DPA|ANP|ATS|SDA|Keystone-SDA|APA|EFE|ANSA|TASS|Xinhua|"
    "Interfax|Kyodo|Bloomberg|UPI|PTI|ANI|IANS|CP|The Canadian Press|AAP|PA|PA Media|Belga|NTB|Ritzau|TT|STT|PAP|"
    "ČTK|CTK|Lusa|Europa Press|Yonhap|KCNA|EPD|KNA|SID|Anadolu|AA|MTI|BNS|Agency|Agencies|CNN|RTR|Tanjug|Agerpres"
)
_AFTER = rf"(?:, (?:{_LETTER}|[. ])+)?(?:, (?:{_LETTER}|[. ]){{0,14}}\d\d?\.?(?: (?:{_LETTER}|\.)+)?)? ?"
_CAPITALS = rf"{CAPITAL}(?:{CAPITAL}|[.'’/ -])+{_AFTER}"
_DASH, _DASHES = "(?:--|[-–—])", " -–—"
_OF_AGENCY = rf"(?:{CAPITAL}(?:{_LETTER}|[.'’/ -])*{_AFTER})?\((?i:{_AGENCIES})(?:/{_LETTER}+)*\)"
_WIRE = re.compile(
    rf"\s*(?:(?:{_OF_AGENCY}|{_CAPITALS}\({_LETTER}(?:{_LETTER}|[ ./&-])+\)) ?(?:{_DASH}|:) ?"
    rf"|{_OF_AGENCY} ?(?=[“\"]?{CAPITAL}))"  # "Washington (CNN) The president"
)
_DATELINE = re.compile(rf"\s*(?P<place>{_CAPITALS}){_DASH} ")
# A quick test of whether a text may begin with an opener.
_MAY_OPEN = re.compile(rf"\s*(?:[A-Za-z]{{2,4}} {CAPITAL}|{CAPITAL}{{2}}|[^\n(]*\([^\n)]+\) ?(?:[–—:“\"-]|{CAPITAL}))")
_LONGEST_CAPTION = 1_200  # characters
_CAPTION = re.compile(
    r"\s*(?:"
    r"(?:\d+ (?:of|/) \d+ )?(?:FILE|File) ?(?:PHOTO|Photo|photo)? ?(?:--|[-–—:]) ?"
    r"|\d+ of \d+ [A-Z]"
    r"|CLOSE [A-Z]+[a-z]"  # the button of a video
    r"|In this [^\n]{0,80}\b(?:photo|image)\b"
    r"|(?:This|A) (?:file |undated |handout )?(?:photo(?:graph)?|image) (?:taken|provided|posted|released|made|shows)\b"
    r"|(?:Photo|Video)s? (?:illustration )?by |Photo illustration:|Illustration by "
    r"|Enlarge this image\b|Click to (?:email|share|print|expand|enlarge)\b"
    r"|Get (?:the latest |our )?(?:breaking )?news alerts\b|Share All sharing options for:"
    r"|(?:Please )?(?:Sign up|Subscribe|Follow us|Join us)(?: (?:for|to|on|here|now|today)\b|[.!]|\n)"
    r"|(?:Last )?[Uu]pdated:? (?=[^\n]{0,25}\d)[^\n]{3,60}\n"
    r"|A version of this (?:story|article|column) (?:first |originally )?appeared\b"
    r"|Thank you for (?:signing up|subscribing)\b|(?:Abonnieren Sie|Melden Sie sich|Abonnez-vous|Inscrivez-vous"
    r"|Abbonati|Iscriviti|Suscríbe[ts]e|Assine|Inscreva-se|Schrijf (?:je|u)|Meld (?:je|u)|Abonneer|Prenumerera)\b"
    r")"
)
_CALL = re.compile(r"your inbox|[Ss]ign up (?:here|now|for free)|[Ss]ubscribe (?:here|now)")
_LONGEST_CALL = 400  # characters of a paragraph that only calls readers to subscribe
_ENDING = '.!?)"”'  # signs that end a paragraph of sentences
_CREDITED = re.compile(  # every part begins with one of three signs, since a search for them is many times faster
    r"\((?:AP Photo|AP Images?|Photo by|Photo:|Foto:)\b|Photo: [^\n]{3,60}$"
    r"|/(?:(?<=\bREUTERS/)| ?(?:AFP|Getty Images|Shutterstock|Bloomberg via Getty)\b| ?(?:AP|Reuters)\)?$)"
)

_NAMED = 100  # characters at the end of a caption that name the photographer
_TAKEN = re.compile(rf"[.!?”\"] {_NAME}(?: {_NAME}){{1,3}} for (?:[Tt]he )?{_NAME}(?: {_NAME}){{0,3}}$")

_SCRAPS = frozenset(
    (
        *(*LINK_LABELS, *PICTURE_LABELS, "watch", "listen", "video", "audio", "more stories", "key points", "share"),
        *("share this article", "share this story", "listen to this article", "listen to this story", "print", "save"),
        *("facebook", "twitter", "whatsapp", "email", "copy link", "advertisement", "anzeige", "werbung", "publicité"),
        *("advertentie", "publicidad", "getty images", "reuters", "ap", "afp", "epa", "dpa", "shutterstock", "alamy"),
    )
)
_LONGEST_SCRAP = max(map(len, _SCRAPS))  # characters of the longest that is a whole line
_SCRAP = re.compile(
    r"https?://\S+|\d+:\d\d(?: ?/ ?\d+:\d\d)?|\d+[ -]min(?:\.|utes?|uten)?(?: (?:read|lesezeit|leestijd|listen))?"
    r"|(?:image|media) caption .*"
)
_LONGEST_LABEL = 40  # characters of the longest line that may be a scrap whatever it says
_BULLETS = tuple(f"{bullet} " for bullet in "•·▪►»*-–")


def is_scrap(line: str) -> bool:
    """Check whether a short line before a text is a label, a link, an item of a list or the credit of a picture.

    Examples
    --------
    >>> is_scrap("Related: Storm hits the coast"), is_scrap("(Image credit: Jo Lee)"), is_scrap("The ferry ran")
    (True, True, False)
    """
    if (
        (len(line) > _LONGEST_LABEL or (len(line) > _LONGEST_SCRAP and line[-1].isalnum()))
        and line[0].isalpha()
        and ":" not in line[:_LONGEST_LABEL]
        and "caption" not in line[:_LONGEST_LABEL]
    ):
        return False
    text = line.strip(" \t•·▪►»*–-|()[]").casefold()
    if not text or text.partition(":")[0].strip() in _SCRAPS or _SCRAP.fullmatch(text):
        return True
    return line.startswith(_BULLETS) and line[-1] not in _ENDING


@cache
def labels() -> tuple[tuple[str, ...], ...]:
    """Return the labels that stand before a colon, and the words that open and that close a paragraph without one."""
    return tuple(dict.fromkeys((*LINK_LABELS, *PICTURE_LABELS))), (*CREDIT_OPENERS, *LINK_OPENERS), LINK_CLOSERS


def opening_bytes(texts: pa.Array, known_datelines: pa.Array) -> NDArray[np.int64]:
    r"""Count the bytes that bylines and datelines take at the beginning of texts, (n,).

    Parameters
    ----------
    texts : pyarrow.Array of large_string, length n
    known_datelines : pyarrow.Array of large_string
        Datelines without an agency, such as "LONDON –", that recur with a dash of any kind; other words in capitals are
        part of the text.

    Examples
    --------
    >>> texts = pa.array(["By Jane Doe\n\nLONDON (Reuters) - Fog.", "LONDON - Fog.", "Fog."], pa.large_string())
    >>> opening_bytes(texts, pa.array(["LONDON -"], pa.large_string())).tolist()
    [32, 9, 0]
    >>> opening_bytes(pa.array(["Oslo (CNN) Fog.", "A plan (AP) saw."], pa.large_string()), texts.slice(0, 0)).tolist()
    [11, 0]
    """
    lengths = np.zeros(len(texts), dtype=np.int64)
    places = frozenset(opener.rstrip(_DASHES) for opener in known_datelines.to_pylist())
    for row, head in enumerate(pc.utf8_slice_codeunits(texts, 0, _LONGEST).to_pylist()):
        if not _MAY_OPEN.match(head):
            continue
        end = 0
        for pattern in (_BYLINE, _WIRE):
            match = pattern.match(head, end)
            end = match.end() if match else end
        match = _DATELINE.match(head, end) if places else None
        end = match.end() if match and match["place"].rstrip(_DASHES) in places else end
        lengths[row] = len(head[:end].encode())
    return lengths


def datelines(texts: pa.Array) -> list[str]:
    """Find the dateline, a place in capitals and a dash as "LONDON –", of each text that begins with one."""
    heads = pc.utf8_slice_codeunits(texts, 0, _LONGEST).to_pylist()
    return [f"{match['place'].rstrip(_DASHES)} –" for head in heads if (match := _DATELINE.match(head))]


def skip_caption(body: str, start: int) -> int:
    r"""Find where the text continues behind a caption, credit or call that begins at `start`; 0 = there is none.

    Examples
    --------
    >>> body = "FILE - In this May 3, 2025, file photo, Ada Reed waves. (AP Photo/Jo Lee)\n\nAda Reed resigned."
    >>> body[skip_caption(body, 0) :].strip()
    'Ada Reed resigned.'
    """
    end = body.find("\n", start, start + _LONGEST_CAPTION)
    if 0 <= end < len(body) - 2 and body[end - 1] not in _ENDING and body[end + 1] != "\n":  # lines of a sentence
        end = body.find("\n\n", start, start + _LONGEST_CAPTION)
    if not 0 <= end < len(body) - 2:
        return 0
    return end + 1 if _CAPTION.match(body, start) or _is_caption(body[start:end]) else 0


def _is_caption(text: str) -> bool:
    """Check whether a paragraph calls readers to subscribe, or names a photographer."""
    if len(text) < _LONGEST_CALL and ("ign up" in text or "inbox" in text or "bscribe" in text) and _CALL.search(text):
        return True
    if ("/" in text or "oto" in text) and _CREDITED.search(text):  # Photo and Foto
        return True
    tail = text[-_NAMED:]
    return text[-1:] not in _ENDING and " for " in tail and bool(_TAKEN.search(tail))
