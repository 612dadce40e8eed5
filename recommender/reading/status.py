"""Whether a row is a published story: columns such as `status`, `draft` and `type`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recommender.reading.times import shown
from recommender.reading.values import is_missing, one_of
from recommender.settings import ReadingSettings

_WORDS = (
    (  # of statuses whose stories are shown
        "publish published publ public live online active usable approved released ok visible enabled available open "
        "inherit current final complete completed ready new updated corrected normal standard everyone anyone free on "
        "done success confirmed archived archive members paid premium subscribers tiers veröffentlicht publié "
        "publicado pubblicato "
        "gepubliceerd publicerad publisert udgivet publiceret julkaistu publicat opublikowany opublikowane publikováno "
        "zveřejněno közzétéve yayında yayınlandı опубликовано опубликован опубліковано публикувано δημοσιευμένο "
        "公開 已发布 已發布 게시됨"
    ),
    (  # of those whose stories are not
        "draft drafts auto-draft autodraft pending pendingreview inreview review private trash trashed deleted removed "
        "scheduled future embargoed embargo canceled cancelled withheld unpublished unpublish notpublished hidden "
        "inactive disabled offline withdrawn retracted killed kill spiked rejected expired request-pending "
        "workinprogress wip inprogress editing tobereviewed awaitingapproval onhold spam internal password "
        "passwordprotected off entwurf brouillon borrador concept soft_trashed hard_trashed spam_comment unapproved "
        "autosave taken_down suspended queued planned submitted incomplete publish_later nonpublished waiting not_live "
        "unveröffentlicht geplant programado programmé planifié gepland en_attente pendiente needs_review "
        "ready_for_review awaiting_review pitch assigned copyedit unlisted bozza rascunho utkast kladde udkast szkic "
        "luonnos koncept návrh nieopublikowany nieopublikowane nepublikováno avpublicerad vázlat ciornă taslak "
        "πρόχειρο черновик неопубликовано чернетка неопубліковано чернова "
        "下書き 非公開 草稿 未发布 未發布 초안 비공개 ready_to_publish ready_for_publication published_draft preview "
        "later skip fetched routed ingested"
    ),
    (  # of types that are no stories
        "page webpage attachment navmenuitem menuitem menu revision author person tag tagpage category categorypage "
        "sectionpage sectionfront front homepage topicpage landingpage collectionpage aboutpage contactpage "
        "searchresultspage profilepage website organization breadcrumblist itemlist wpblock wptemplate wptemplatepart "
        "wpnavigation wpglobalstyles wpfontfamily wpfontface customcss customizechangeset oembedcache userrequest "
        "redirect pingback trackback user basicpage staticpage mediaitem imageasset elementorlibrary acffield "
        "acffieldgroup scheduledaction shoporder wpcf7contactform bloggerpage bloggercomment bloggersettings "
        "bloggertemplate form newsletterform advert advertisement"
    ),
)
_YES, _NO = frozenset(("true", "1", "yes", "y", "t")), frozenset(("false", "0", "no", "n", "f"))
# column -> whether its yes says that the story is published
_SAYS_SO = ("published", "publish", "visible", "public", "active", "enabled", "online", "approved", "released")
_SAYS_NOT = (
    *("draft", "deleted", "removed", "trashed", "hidden", "private", "unpublished", "embargo", "embargoed", "withheld"),
    *(
        "canceled",
        "cancelled",
        "withdrawn",
        "retracted",
        "spiked",
        "killed",
        "rejected",
        "expired",
        "pending",
        "scheduled",
    ),
    *("suspended", "offline", "spam"),
)
_FLAGS = {
    f"{before}{name}": says_so
    for names, says_so in ((_SAYS_SO, True), (_SAYS_NOT, False))
    for name in names
    for before in ("", "is")
}
_STATUSES = (
    *("status", "state", "pubstatus", "poststatus", "visibility", "publishstatus", "publicationstatus"),
    *("publishingstatus", "articlestatus", "storystatus", "contentstatus", "workflowstate", "workflowstatus"),
    *("moderationstate", "editorialstatus", "publishedstatus", "publicationstate", "currentstate", "workflow", "stage"),
)
_WITHIN = ("target_id", "state", "status", "code", "key", "id")  # where an object tells it
_UNDONE = (
    "deleted",
    "removed",
    "trashed",
    "unpublished",
    "hidden",
    "withheld",
    "withdrawn",
    "retracted",
)  # which may tell when they were
_DATE = 8  # digits
_ENDS = ("deletedat", "trashedat", "datedeleted", "deletedon")  # columns whose time says that a row is deleted
_TYPES = ("type", "posttype", "contenttype", "nodetype", "pagetype", "typename")
STATUS_NAMES = frozenset((*_STATUSES, *_FLAGS, *_TYPES, *_ENDS))
"""Folded names of columns that tell whether a row is a published story."""


def folded(value: str) -> str:
    """Drop case, and what stands between the parts of a word."""
    return "".join(part for part in value.casefold() if part not in " _-./:")


_SHOWN, _HIDDEN, _NOT_STORIES = (frozenset(map(folded, words.split())) for words in _WORDS)


@dataclass(frozen=True)
class StatusCheck:
    """What tells for the rows of some columns whether they are published stories.

    Attributes
    ----------
    columns : tuple of (column, its folded name)
    hidden, shown : frozenset of str
        Folded values that settings name.
    """

    columns: tuple[tuple[str, str], ...]
    hidden: frozenset[str]
    shown: frozenset[str]

    @classmethod
    def of(cls, columns: Mapping[str, str], settings: ReadingSettings) -> StatusCheck:
        """Make the check of columns by their folded names."""
        hidden, shown = (frozenset(map(folded, one)) for one in (settings.hidden_values, settings.shown_values))
        found = tuple(
            (column, name)
            for name, column in columns.items()
            if name in STATUS_NAMES or name.removeprefix("is") in hidden
        )
        return cls(found, hidden, shown)

    def __call__(self, raw: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Find what says that a row is no published story, and a status that is not known; None for either.

        Examples
        --------
        >>> check = StatusCheck.of({"poststatus": "post_status", "draft": "draft"}, ReadingSettings())
        >>> check({"post_status": "Auto-Draft"})
        ('post_status auto-draft', None)
        >>> check({"post_status": "desk 7", "draft": "no"})
        (None, 'post_status desk 7')
        """
        unknown = None
        for column, name in self.columns:
            value = one_of(raw.get(column))
            if isinstance(value, Mapping):  # of Drupal and others
                value = next((value[one] for one in _WITHIN if value.get(one)), None)
            if is_missing(value) or isinstance(value, list | tuple | Mapping):
                continue
            given = " ".join(shown(value)[1:-1].casefold().split())
            word = folded(given.rpartition(":")[2] if given.startswith("stat:") else given)  # as IPTC has it
            if given.startswith("-") and word.isdecimal():  # the trash of Joomla
                return f"{column} {given}", unknown
            yes_to_hidden = word in _YES and name.removeprefix("is") in self.hidden
            said = None if word in self.shown or not word else word in self.hidden or yes_to_hidden or _said(name, word)
            if said:
                return f"{column} {given}", unknown
            if said is None and word not in self.shown and name in _STATUSES:
                unknown = unknown or f"{column} {given}"
        return None, unknown


def _said(name: str, word: str) -> bool | None:
    """Tell whether a column says that a row is no published story; None where it says neither."""
    if name in _TYPES:
        return word in _NOT_STORIES
    if name in _ENDS:
        return word not in _NO and any(letter in "123456789" for letter in word)  # no zero date
    if (word in _YES or word in _NO) and (name in _FLAGS or name in _STATUSES):
        return (word in _YES) != _FLAGS.get(name, True)
    if name in _UNDONE and sum(map(str.isdecimal, word)) >= _DATE:  # when it was
        return any(one in "123456789" for one in word)
    return True if word in _HIDDEN else False if word in _SHOWN else None
