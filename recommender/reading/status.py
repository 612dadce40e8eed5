"""Whether a row is a published story: columns such as `status`, `draft` and `type`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recommender.reading.values import is_missing, quoted, single_value
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
        "later skip fetched routed ingested depubliziert offline_genommen gesperrt gelöscht geloescht zurückgezogen "
        "zurueckgezogen abgelaufen deaktiviert versteckt papierkorb dépublié depublie retiré supprimé supprime "
        "hors_ligne désactivé corbeille masqué retirado retirada eliminado eliminada borrado borrada despublicado "
        "despublicada desactivado oculto papelera ingetrokken verwijderd gedepubliceerd offline_gehaald verborgen "
        "gedeactiveerd prullenbak verlopen ritirato eliminato removido excluído despublicado"
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
_PUBLISHED_FLAGS = ("published", "publish", "visible", "public", "active", "enabled", "online", "approved", "released")
_HIDDEN_FLAGS = (
    "draft", "deleted", "removed", "trashed", "hidden", "private", "unpublished", "embargo", "embargoed", "withheld",
    "canceled", "cancelled", "withdrawn", "retracted", "spiked", "killed", "rejected", "expired", "pending",
    "scheduled", "suspended", "offline", "spam",
)  # fmt: skip
# column of yes or no -> whether yes says that the story is published
_FLAGS = {
    f"{prefix}{name}": is_published
    for names, is_published in ((_PUBLISHED_FLAGS, True), (_HIDDEN_FLAGS, False))
    for name in names
    for prefix in ("", "is")
}
_STATUSES = (
    "status", "state", "pubstatus", "poststatus", "visibility", "publishstatus", "publicationstatus",
    "publishingstatus", "articlestatus", "storystatus", "contentstatus", "workflowstate", "workflowstatus",
    "moderationstate", "editorialstatus", "publishedstatus", "publicationstate", "currentstate", "workflow", "stage",
)  # fmt: skip
_STATUS_KEYS = ("target_id", "state", "status", "code", "key", "id")  # of an object that represents a status
# columns that may contain the time at which a story was taken out
_TIMED_FLAGS = ("deleted", "removed", "trashed", "unpublished", "hidden", "withheld", "withdrawn", "retracted")
_DELETION_TIMES = ("deletedat", "trashedat", "datedeleted", "deletedon")
_MIN_DATE = 8  # digits
_TYPES = ("type", "posttype", "contenttype", "nodetype", "pagetype", "typename")
STATUS_NAMES = frozenset((*_STATUSES, *_FLAGS, *_TYPES, *_DELETION_TIMES))
"""Folded names of columns that say whether a row is a published story."""


def _fold_status(value: str) -> str:
    """Drop case, and what stands between the parts of a word."""
    return "".join(letter for letter in value.casefold() if letter not in " _-./:")


_SHOWN, _HIDDEN, _NOT_STORIES = (frozenset(map(_fold_status, words.split())) for words in _WORDS)


@dataclass(frozen=True)
class StatusCheck:
    """How rows with some columns say whether they are published stories.

    Attributes
    ----------
    hidden, shown : frozenset of str
        Folded values that settings name.
    """

    columns: tuple[tuple[str, str], ...]
    hidden: frozenset[str]
    shown: frozenset[str]

    @classmethod
    def from_columns(cls, columns: Mapping[str, str], settings: ReadingSettings) -> StatusCheck:
        """Make the check of columns by their folded names."""
        hidden, shown = (
            frozenset(map(_fold_status, values)) for values in (settings.hidden_values, settings.shown_values)
        )
        checked = tuple(
            (column, name)
            for name, column in columns.items()
            if name in STATUS_NAMES or name.removeprefix("is") in hidden
        )
        return cls(checked, hidden, shown)

    def __call__(self, raw: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Find why a row is no published story, and a status that is not known; None for either.

        Examples
        --------
        >>> check = StatusCheck.from_columns({"poststatus": "post_status", "draft": "draft"}, ReadingSettings())
        >>> check({"post_status": "Auto-Draft"})
        ('post_status auto-draft', None)
        >>> check({"post_status": "desk 7", "draft": "no"})
        (None, 'post_status desk 7')
        """
        unknown = None
        for column, name in self.columns:
            value = single_value(raw.get(column))
            if isinstance(value, Mapping):  # of Drupal and others
                value = next((value[key] for key in _STATUS_KEYS if value.get(key)), None)
            if is_missing(value) or isinstance(value, list | tuple | Mapping):
                continue
            text = " ".join(quoted(value)[1:-1].casefold().split())
            is_hidden = self._is_hidden(name, text)
            if is_hidden:
                return f"{column} {text}", unknown
            if is_hidden is None and name in _STATUSES:
                unknown = unknown or f"{column} {text}"
        return None, unknown

    def _is_hidden(self, name: str, text: str) -> bool | None:
        """Check whether a value says that a row is no published story; None where it says neither."""
        word = _fold_status(text.rpartition(":")[2] if text.startswith("stat:") else text)  # stat:usable of IPTC
        if text.startswith("-") and word.isdecimal():  # the trash of Joomla
            return True
        if word in self.shown:
            return False
        if not word:
            return None
        if word in self.hidden or (word in _YES and name.removeprefix("is") in self.hidden):
            return True
        return _is_hidden_by_default(name, word)


def _is_hidden_by_default(name: str, word: str) -> bool | None:
    if name in _TYPES:
        return word in _NOT_STORIES
    if name in _DELETION_TIMES:
        return word not in _NO and _is_time(word)
    if (word in _YES or word in _NO) and (name in _FLAGS or name in _STATUSES):
        return (word in _YES) != _FLAGS.get(name, True)
    if name in _TIMED_FLAGS and sum(map(str.isdecimal, word)) >= _MIN_DATE:
        return _is_time(word)
    if word in _HIDDEN:
        return True
    return False if word in _SHOWN else None


def _is_time(word: str) -> bool:
    return any(letter in "123456789" for letter in word)
