"""Whether a row is a published story: columns such as `status`, `draft` and `type`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recommender.reading.names import fold
from recommender.reading.values import NO, YES, is_missing, quoted, single_value
from recommender.settings import ReadingSettings

_WORDS = (
    (  # of statuses whose stories are shown
        "publish published publ public live online active usable approved released ok visible enabled available open "
        "inherit current final complete completed ready new updated corrected normal standard everyone anyone free on "
        "done success confirmed archived archive members paid premium subscribers tiers veröffentlicht freigegeben "
        "publiziert erschienen aktiv sichtbar publié publiée en_ligne actif publicado publicada activo ativo "
        "pubblicato pubblicata attivo gepubliceerd actief publicerad publisert udgivet publiceret julkaistu publicat "
        "opublikowany opublikowane publikováno zveřejněno vydáno közzétéve megjelent yayında yayınlandı опубликовано "
        "опубликован опубліковано публикувано δημοσιευμένο 公開 公開中 公開済み 掲載中 已发布 已發布 게시됨 게시"
    ),
    (  # of those whose stories are not
        "draft drafts auto-draft autodraft pending pendingreview inreview review private trash trashed deleted "
        "removed scheduled future embargoed embargo canceled cancelled withheld unpublished unpublish notpublished "
        "hidden inactive disabled offline withdrawn retracted killed kill spiked rejected expired request-pending "
        "workinprogress wip inprogress editing tobereviewed awaitingapproval onhold spam internal password "
        "passwordprotected off entwurf brouillon borrador concept soft_trashed hard_trashed spam_comment unapproved "
        "autosave taken_down suspended queued planned submitted incomplete not_started to_do backlog publish_later "
        "nonpublished waiting not_live unveröffentlicht geplant programado programmé planifié gepland en_attente "
        "pendiente needs_review ready_for_review awaiting_review pitch assigned copyedit unlisted bozza rascunho "
        "utkast kladde udkast szkic luonnos koncept návrh nieopublikowany nieopublikowane nepublikováno avpublicerad "
        "vázlat ciornă taslak πρόχειρο черновик неопубликовано чернетка неопубліковано чернова 下書き 非公開 草稿 "
        "未发布 未發布 초안 비공개 ready_to_publish ready_for_publication published_draft preview later skip fetched "
        "routed ingested depubliziert offline_genommen gesperrt gelöscht geloescht zurückgezogen zurueckgezogen "
        "abgelaufen deaktiviert versteckt papierkorb dépublié depublie retiré supprimé supprime in_bearbeitung "
        "zur_freigabe nicht_veröffentlicht unsichtbar hors_ligne désactivé corbeille masqué non_publié en_cours "
        "en_relecture à_relire inactif programmata programmato in_lavorazione non_pubblicato no_publicado inactivo "
        "en_revisión agendado inativo não_publicado em_revisão kladd hold legal_hold blocked takedown do_not_publish "
        "donotuse mandatory_kill annulé annullato anulado elimination 停止 予約 下線 已下线 已删除 예약 삭제 retirado "
        "retirada eliminado eliminada borrado borrada despublicado despublicada desactivado oculto papelera "
        "ingetrokken verwijderd gedepubliceerd offline_gehaald verborgen gedeactiveerd prullenbak verlopen ritirato "
        "eliminato removido excluído"
    ),
    (  # of types that are no stories
        "page webpage attachment navmenuitem menuitem menu revision author person tag tagpage category categorypage "
        "sectionpage sectionfront front homepage topicpage landingpage collectionpage aboutpage contactpage "
        "searchresultspage profilepage website organization breadcrumblist itemlist wpblock wptemplate wptemplatepart "
        "wpnavigation wpglobalstyles wpfontfamily wpfontface customcss customizechangeset oembedcache userrequest "
        "redirect pingback trackback user basicpage staticpage mediaitem imageasset elementorlibrary acffield "
        "acffieldgroup sitemap scheduledaction shoporder wpcf7contactform bloggerpage bloggercomment bloggersettings "
        "bloggertemplate form newsletterform advert advertisement"
    ),
)
_PUBLISHED_FLAGS, _HIDDEN_FLAGS = (
    (
        "published publish visible public active enabled online approved released listed recommendable indexable "
        "veröffentlicht freigegeben aktiv sichtbar publié actif publicado publicada activo pubblicato attivo "
        "gepubliceerd actief publicerad publisert publiceret opublikowany aktywny publikováno опубликовано"
    ),
    (
        "draft deleted removed trashed hidden private unpublished embargo embargoed withheld canceled cancelled "
        "withdrawn retracted spiked killed rejected expired pending scheduled suspended offline spam unlisted test "
        "noindex blocked legal_hold takedown exclude_from_recommendations hide_from_recommendations do_not_recommend "
        "no_recommendations exclude_from_lists hide_from_lists exclude_from_recirculation gesperrt gelöscht entwurf "
        "versteckt depubliziert brouillon supprimé masqué dépublié borrador eliminado oculto rascunho bozza eliminato "
        "concept verwijderd utkast szkic черновик"
    ),
)
# column of yes or no -> whether yes says that the story is published
_FLAGS = {
    f"{prefix}{fold(name)}": is_published
    for names, is_published in ((_PUBLISHED_FLAGS, True), (_HIDDEN_FLAGS, False))
    for name in names.split()
    for prefix in ("", "is")
}
_STATUSES = (
    "status", "state", "pubstatus", "poststatus", "visibility", "publishstatus", "publicationstatus",
    "publishingstatus", "articlestatus", "storystatus", "contentstatus", "workflowstate", "workflowstatus",
    "moderationstate", "reviewstate", "editorialstatus", "publishedstatus", "publicationstate", "currentstate",
    "workflow", "stage", "robots", "metarobots", *map(fold, (
        "statut", "estado", "stato", "situação", "stav", "állapot", "durum", "tila", "zustand", "bearbeitungsstatus",
        "veröffentlichungsstatus", "статус", "ステータス", "公開状態", "状態", "状态", "狀態", "상태",
    )),
)  # fmt: skip
_ROBOTS = ("robots", "metarobots")
_STATUS_KEYS = ("target_id", "state", "status", "code", "key", "id", "index")  # of an object that represents a status
_HOLDERS = (  # objects in which systems keep statuses and flags
    "seo", "seometadata", "seosettings", "meta", "metadata", "metatags", "yoastheadjson", "publishing", "flags",
    "system", "distribution", "recommendations",
)  # fmt: skip
# columns that may contain the time at which a story was taken out
_TIMED_FLAGS = ("deleted", "removed", "trashed", "unpublished", "hidden", "withheld", "withdrawn", "retracted")
_DELETION_TIMES = ("deletedat", "trashedat", "datedeleted", "deletedon")
_MIN_DATE = 8  # digits
_TYPES = ("type", "posttype", "contenttype", "nodetype", "pagetype", "typename")
NOTICE = (
    r"^(?:(?:MANDATORY|BULLETIN) )?KILL(?:\s*[:–—-]|$)|,\s*(?:\S+\s+){0,2}K(?:ill|ILL)$|(?i:^Achtung Redaktionen\b)"
    r"|^(?:WITHDRAWN?|ELIMINATION|ANNULATION|ANULACIÓN|ANNULLAMENTO)\s*[:–—-]|(?i:\btest (?:article|story|post)\b)"
    r"|^\[(?i:removed|deleted)\]$"
)
"""What all titles match that may tell newsrooms what to do, not readers what happened."""
NO_TEXT = r"(?i)^lorem ipsum dolor\b"
"""How texts begin that only fill a page."""
_NOTICE, _NO_TEXT = re.compile(NOTICE), re.compile(NO_TEXT)
_TO_EDITORS = re.compile(
    r"\beditors\b|\b(?:please|pls) (?:kill|ignore|disregard)|\bdo not (?:use|publish)\b|\bkill the story\b"
    r"|\bhas been (?:killed|withdrawn|eliminated)\b|\bnicht (?:mehr )?verwend|\bzurückgezogen\b|\bannulé|\banulad",
    re.IGNORECASE,
)
_OPENING = 500  # characters
TOTALS = (
    r"(?i)^(?:grand |sub)?(?:totals?|totale?n?|totaal|gesamt(?:summe|zahl)?|insgesamt|summe|suma|soma|somme|razem|"
    r"celkem|összesen|toplam|yhteensä|итого|всего|合計|合计|總計|총계|합계)(?:\W|$)"
)
"""What all ids match that stand before the totals of a sheet, below its stories."""
STATUS_NAMES = frozenset((*_STATUSES, *_FLAGS, *_TYPES, *_DELETION_TIMES))
"""Folded names of columns that say whether a row is a published story."""


_SHOWN, _HIDDEN, _NOT_STORIES, _YES, _NO = (
    frozenset(map(fold, words)) for words in (*(words.split() for words in _WORDS), YES, NO)
)


def notice(title: str, body: str) -> str | None:
    """Find out whether a text is for newsrooms, not for readers, such as the notice that a story was withdrawn.

    Examples
    --------
    >>> notice("BC-Ferry, Kill", "Editors: please kill this story."), notice("KILL: a film of fury", "The hero hits.")
    ('title kill notice', None)
    """
    if _NO_TEXT.match(body):
        return "text lorem ipsum"
    if not _NOTICE.search(title):
        return None
    if title[0] == "[":
        return f"title {title.casefold()}"
    is_marked = title.endswith("KILL") and not title.isupper()  # which proves nothing where all headlines are capitals
    is_certain = not body or title.startswith("BC-") or is_marked
    return "title kill notice" if is_certain or _TO_EDITORS.search(f"{title}\n{body[:_OPENING]}") else None


@dataclass(frozen=True)
class StatusCheck:
    """How rows with some columns say whether they are published stories."""

    columns: tuple[tuple[str, str], ...]
    # folded values that settings name
    hidden: frozenset[str]
    shown: frozenset[str]
    reads_texts: bool = True  # whether notices to newsrooms are no stories

    @classmethod
    def from_columns(cls, columns: Mapping[str, str], settings: ReadingSettings) -> StatusCheck:
        """Make the check of columns by their folded names."""
        hidden, shown = (frozenset(map(fold, values)) for values in (settings.hidden_values, settings.shown_values))
        if {"archived", "draft"} <= {name.removeprefix("is") for name in columns}:  # of Webflow: taken off the site
            hidden |= {"archived"}
        checked = tuple(
            (column, name)
            for name, column in columns.items()
            if name in STATUS_NAMES or name in _HOLDERS or name.removeprefix("is") in hidden
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
        for column, name, given in self._values(raw):
            value = single_value(given)
            if isinstance(value, Mapping):  # of Drupal and others
                value = next((value[key] for key in _STATUS_KEYS if value.get(key)), None)
            if is_missing(value) or isinstance(value, list | tuple | Mapping):
                continue
            if isinstance(value, bytes):  # a bit of MySQL
                value = int.from_bytes(value[:8], "big")
            text = " ".join(quoted(value)[1:-1].casefold().split()).removesuffix(".0")  # numbers next to missing ones
            is_hidden = self._is_hidden(name, text)
            if is_hidden:
                return f"{column} {text}", unknown
            if is_hidden is None and name in _STATUSES:
                unknown = unknown or f"{column} {text}"
        return None, unknown

    def _values(self, raw: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """Find the statuses of a row, also those within objects: column, folded name and value."""
        for column, name in self.columns:
            value = raw.get(column)
            if name not in _HOLDERS:
                yield column, name, value
            elif isinstance(value, Mapping):
                inner = ((f"{column}.{key}", fold(str(key)), part) for key, part in value.items())
                yield from (found for found in inner if found[1] in STATUS_NAMES and found[1] not in _TYPES)

    def _is_hidden(self, name: str, text: str) -> bool | None:
        """Check whether a value says that a row is no published story; None where it says neither."""
        word = fold(text.rpartition(":")[2] if text.startswith("stat:") else text)  # stat:usable of IPTC
        if text.startswith("-") and word.isdecimal():  # the trash of Joomla
            return True
        if word in self.shown or name.removeprefix("is") in self.shown:
            return False
        if not word:
            return None
        if name in _ROBOTS:
            return "noindex" in word and "noindex" not in self.shown
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
