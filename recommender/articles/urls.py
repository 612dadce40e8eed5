"""Normalise URLs, so that all addresses of a story are equal."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin

TRACKING = (
    *("fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "ttclid", "li_fat_id"),
    *("igshid", "igsh", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "vero_id", "oly_enc_id", "oly_anon_id"),
    *("_ga", "_gl", "s_kwcid", "spm", "xtor", "at_medium", "at_campaign", "wt_mc", "wt_zmc", "ns_mchannel"),
    *("ns_source", "ns_campaign", "ns_linkname", "cmp", "cmpid", "icid", "ito", "ocid", "ncid", "smid", "smtyp"),
    *("sr_share", "guccounter", "guce_referrer", "guce_referrer_sig", "fb_action_ids", "fb_action_types", "fb_ref"),
    *("fb_source", "ref", "ref_src", "ref_url", "src"),
)
"""Parameters of a query that say where a reader came from, in lower case; all that begin with `utm_` are such, too."""

_NEVER = ("mailto:", "tel:", "sms:", "javascript:", "data:", "about:", "blob:", "whatsapp:", "file:")
_BLANKS = re.compile(r"[\t\r\n]")
_WEB = re.compile(r"https?:(?=//)", re.IGNORECASE)
_OTHER = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d+(?:[/?#]|$))", re.IGNORECASE)  # other schemes, but no host with a port
_PARTS = re.compile(r"([^?#]*)(?:\?([^#]*))?", re.DOTALL)
_TAIL = re.compile(r"(?:\.|:(?:80|443)?)+$")  # default port of a host, and the dot of a fully qualified name
_CLEAN = re.compile(r"[/:@!$&'()*+,;=~._?\[\]|A-Za-z0-9-]*")
_BARE_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_AMP_FILE = re.compile(r"(?<=[^/.])(?:\.amp)+(\.html?)?$", re.IGNORECASE)
_MAY_BE_AMP = re.compile(r"[/.]amp", re.IGNORECASE)
_PREFIXES = ("www.", "m.", "amp.")
_SAFE = "%/:@!$&'()*+,;=~-._?[]|"
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
# Most URLs of stories match this pattern, which takes a tenth of the time.
_PLAIN = re.compile(
    r"https?://(?:www\.)?((?!www\.|m\.|amp\.)[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[A-Za-z0-9_~-][A-Za-z0-9_~.-]*)*)/?"
)


def normalise_url(url: str, base: str | None = None) -> str:
    """Return a URL in the form that all addresses of the same page share.

    Dropped are the scheme, a user name, the prefixes `www.`, `m.` and `amp.` of the host, a default port, a slash at
    the end, the fragment, the parameters of `TRACKING` and `utm_*`, and the marks of an AMP page. Every other parameter
    stays, in its order. The host is in lower case, and characters that need no percent-encoding have none.

    `url`: any text; a text that is no URL of a web page, such as `mailto:...`, comes back as it is. `base`: the page
    that a relative URL stands on.

    Returns
    -------
    str
        Without a `base`, normalising it again changes nothing.

    Examples
    --------
    >>> normalise_url("https://www.Courier.example:443/local/ferry%2Daground/?utm_source=mail&p=7#top")
    'courier.example/local/ferry-aground?p=7'
    >>> normalise_url("../sport/cup-final.amp.html", base="https://courier.example/local/ferry-aground")
    'courier.example/sport/cup-final.html'
    """
    if base is None and (plain := _PLAIN.fullmatch(url)) and not _MAY_BE_AMP.search(plain[1]):
        return plain[1]
    text = absolute_url(url, base)
    scheme = _WEB.match(text)
    if scheme:
        text = text[scheme.end() :]
    elif _OTHER.match(text):
        return text
    match = _PARTS.match(text)
    assert match is not None  # it matches any text
    address, query = match[1], match[2] or ""
    if address.startswith("//"):
        address = address[2:]
    host, slash, path = address.partition("/")
    return _host(host) + _path(slash + path) + _query(query)


def absolute_url(url: str, base: str | None = None) -> str:
    """Join a URL to the page that it stands on, as a browser does; a text that cannot be joined stays as it is.

    Examples
    --------
    >>> absolute_url("/sport/cup-final", "https://courier.example/local/ferry-aground")
    'https://courier.example/sport/cup-final'
    """
    text = _BLANKS.sub("", url).strip()
    if not base or _WEB.match(text):
        return text
    try:
        return _BLANKS.sub("", urljoin(base.strip(), text)).strip()
    except ValueError:  # an IPv6 address that is none
        return text


def leads_to_a_page(url: str) -> bool:
    """Check whether a link may lead to another page: it is no mail address, telephone number, script or fragment.

    Examples
    --------
    >>> leads_to_a_page("/sport/cup-final"), leads_to_a_page("mailto:desk@courier.example"), leads_to_a_page("#top")
    (True, False, False)
    """
    text = _BLANKS.sub("", url).strip()
    return bool(text) and text[0] != "#" and not text[:12].casefold().startswith(_NEVER)


def _host(text: str) -> str:
    host = _TAIL.sub("", "".join(text.rpartition("@")[2].lower().split()))
    while prefix := next((prefix for prefix in _PREFIXES if host.startswith(prefix)), ""):
        if "." not in host[len(prefix) :]:
            break
        host = host.removeprefix(prefix)
    return host


def _path(text: str) -> str:
    kept: list[str] = []
    for part in _encoded(text).split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    while True:
        path = "".join(f"/{part}" for part in kept)
        shortened = _AMP_FILE.sub(r"\1", path)
        parts = shortened.split("/")[1:]
        without_amp = [part for part in parts if part.casefold() != "amp"]
        kept = without_amp or parts  # a section may be called "amp"
        if "".join(f"/{part}" for part in kept) == path:
            return path


def _query(text: str) -> str:
    kept = []
    for pair in _encoded(text).split("&"):
        name, _, value = pair.partition("=")
        name, value = name.casefold(), value.casefold()
        amp = (name == "amp" and value in ("", "1", "true", "yes")) or (name, value) == ("outputtype", "amp")
        if pair and not amp and name not in TRACKING and not name.startswith("utm_"):
            kept.append(pair)
    return "?" + "&".join(kept) if kept else ""


def _encoded(text: str) -> str:
    """Percent-encode the characters of a path or query that need it, with capital digits."""
    if _CLEAN.fullmatch(text):
        return text
    text = _BARE_PERCENT.sub("%25", text)
    if "%" in text:
        text = _ESCAPE.sub(_escape, text)
    return quote(text, safe=_SAFE, errors="surrogatepass")


def _escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()
