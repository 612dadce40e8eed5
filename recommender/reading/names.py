"""Names of columns -> fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from unicodedata import combining, normalize

from recommender.articles.article import FIELDS

# Compared as `fold` writes them, in the order in which they count.
_ALIASES = {
    "id": (
        "article_id story_id doc_id news_id uuid guid _id uri post_id nid content_id object_id item_id entry_id "
        "document_id record_id pk id_article id_artículo id_noticia id_artigo id_articolo id_notizia id_artykułu "
        "id_статьи identifier identifiant identificador identificatore identyfikator identifikator kennung 编号 編號 "
        "記事id 文章id 记事编号 記事番号 記事コード номер идентификатор 기사id 기사번호 azonosító tunnus código codice "
        "kod id_članka id_článku juttu_id straipsnio_id mã_bài mã_bài_viết المعرف معرف מזהה شناسه आईडी κωδικός "
        "ідентифікатор ид รหัส 文章编号 文章編號"
    ),
    "title": (
        "headline head name headlines post_title web_title heading display_title title_text article_title story_title "
        "content_title news_title head_line main_title hed artikeltitel titre_article titre_de_l'article encabezado "
        "artikelkop titel überschrift ueberschrift schlagzeile hauptzeile titelzeile titre título titular "
        "titre_principal titolo tytuł nagłówek titulek nadpis tittel otsikko cím főcím başlık titlu titlul τίτλος "
        "заголовок название 标题 標題 タイトル 見出し 제목 kop العنوان عنوان כותרת शीर्षक หัวข้อ tiêu_đề judul naslov "
        "наслов antraštė"
    ),
    "body": (
        "text content_encoded content article_body full_text body_html content_html html body_text content_text "
        "content_elements inhalt fließtext fliesstext haupttext artikelinhalt textinhalt corps corps_du_texte "
        "corps_de_l'article texte_intégral texte_de_l'article artikeltekst artikkeltekst broodtekst brødtekst brödtext "
        "leipäteksti post_content post_body story_text story_body story_content article_content news_content body_copy "
        "copy_text article_text maintext plaintext plain_content main_content body_value blocks content_blocks "
        "body_blocks rich_text body_json content_json artikeltext volltext texte contenu article texto contenido "
        "cuerpo cuerpo_de_la_noticia tekst inhoud testo corpo corpo_do_texto conteúdo conteudo treść obsah sisältö "
        "szöveg tartalom metin içerik κείμενο текст содержание 正文 内容 內容 内文 內文 本文 본문 내용 rich_content "
        "artikel story paragraphs النص المحتوى תוכן متن محتوا सामग्री เนื้อหา nội_dung isi isi_berita teksti besedilo "
        "sadržaj tekstas"
    ),
    "lead": (
        "abstract summary description standfirst dek teaser subtitle excerpt short_description trail_text subheadline "
        "subheadlines post_excerpt post_summary summary_html custom_excerpt snippet highlights lead_text introtext "
        "body_summary sub_head subheading sub_heading strapline blurb einleitung anreißer anreisser unterzeile "
        "untertitel teasertext chapeau accroche sous_titre bajada copete subtítulo inleiding introductie ondertitel "
        "onderkop content_summary meta_description deck intro description_text alternative_headline vorspann "
        "zusammenfassung chapô résumé resumen entradilla samenvatting ingress manchet ingressi perex úvod sommario "
        "sottotitolo resumo linha_fina podtytuł zajawka bevezető özet spot лид подзаголовок аннотация анонс 摘要 要約 "
        "リード リード文 요약 부제 sapo ringkasan الملخص ملخص כותרת_משנה תקציר خلاصه لید सारांश podnaslov поднаслов "
        "부제목 subtítol"
    ),
    "section": (
        "category desk channel rubric department categories section_name article_section category_name "
        "article_category section_title category_title post_category primary_section desk_section ressort rubrik "
        "primary_category sections kategorie rubrique catégorie sección categoría rubriek sezione seção editoria secao "
        "dział kategoria kategori avdelning seksjon sektion osasto rovat rubrika bölüm рубрика раздел категория 栏目 "
        "欄目 分类 分類 カテゴリ カテゴリー 섹션 القسم قسم التصنيف מדור קטגוריה بخش دسته श्रेणी หมวดหมู่ chuyên_mục "
        "κατηγορία ενότητα 카테고리 secció kategorija категорија категорія"
    ),
    "tags": (
        "keywords topics labels subject subjects tag_names tag tag_list post_tag metakey meta_keywords schlagworte "
        "schlagwörter stichworte stichwörter mots_clés etiquetas palabras_clave palavras_chave trefwoorden onderwerpen "
        "parole_chiave etichette tagi słowa_kluczowe nyckelord emneord stikord avainsanat klíčová_slova štítky címkék "
        "kulcsszavak etiketler теги метки ключевые_слова 标签 標籤 タグ キーワード 태그 الوسوم תגיות برچسبها टैग แท็ก "
        "từ_khóa ετικέτες мітки oznake"
    ),
    "language": (
        "lang locale locale_code languages_code in_language language_code lang_code item_language human_language "
        "sprache langue idioma lingua taal język språk sprog kieli jazyk nyelv dil язык 语言 語言 言語 언어 ngôn_ngữ "
        "bahasa اللغة שפה زبان γλώσσα мова ภาษา jezik"
    ),
    "author": (
        "authors byline creator dc_creator author_name author_display_name coauthors authored_by written_by "
        "author_username created_by_alias writer reporter autor autorin autor_in autoren verfasser verfasserin "
        "redakteur auteur auteurs autora autores autore forfatter skribent författare kirjoittaja szerző yazar "
        "journaliste автор 作者 著者 筆者 記者 저자 기자 bylines الكاتب كاتب כתב מחבר نویسنده लेखक ผู้เขียน tác_giả "
        "penulis wartawan συντάκτης 기자명 작성자 執筆者 autorius аутор"
    ),
    "source": (
        "brand publisher outlet publication site site_name source_name newspaper المصدر מקור منبع nguồn sumber πηγή "
        "джерело 来源 來源 매체명 언론사"
    ),
    "url": (
        "link permalink canonical_url web_url website_url article_url post_url page_url html_url story_url webadresse "
        "requested_url full_url internetadresse artikel_url artikellink lien adresse_web enlace indirizzo ссылка "
        "الرابط رابط קישור پیوند लिंक ลิงก์ đường_dẫn tautan σύνδεσμος посилання 링크 链接 鏈接 連結 リンク adres_url "
        "poveznica nuoroda"
    ),
    "image_url": (
        "image thumbnail picture feature_image top_image lead_image url_to_image photo main_image hero_image "
        "featured_image cover_image og_image image_src bild bild_url bildadresse"
    ),
    "published_at": (
        "published first_published first_published_at first_published_date first_publish_date first_publication_date "
        "pub_date publish_date publication_date date_published published_date last_published published_time "
        "publication_time published_on web_publication_date date_gmt post_date_gmt post_date display_date "
        "version_created content_created first_created dc_date issued publish_time publishedat_utc effective "
        "publish_up publish_at date_time_pub publish_date_time publication_date_time published_date_time date_time "
        "article_date released_at date_publish datum_publicatie julkaisupäivä release_date authored_on publish_on "
        "posted posted_at posted_on date datetime timestamp created_at created created_date create_date date_created "
        "created_on created_time creation_date creation_time erstellt_am créé_le time seen_date datum fecha tarih dato "
        "päivämäärä dátum дата_публикации опубликовано дата 发布时间 發布時間 发布日期 發布日期 日期 公開日 公開日時 "
        "掲載日 掲載日時 配信日時 日付 게시일 등록일 발행일 날짜 data تاريخ_النشر תאריך_פרסום تاریخ_انتشار "
        "प्रकाशन_तिथि วันที่เผยแพร่ ngày_đăng ngày_xuất_bản tanggal_terbit tanggal_tayang tanggal "
        "ημερομηνία_δημοσίευσης ημερομηνία дата_публікації опубліковано 등록일시 게시일시 발행일시 입력일시 "
        "data_de_publicació datum_objave датум_објаве objavljeno paskelbta"
    ),
    "updated_at": (
        "modified_gmt post_modified_gmt updated modified modified_at date_modified last_modified lastmod post_modified "
        "last_updated last_updated_date updated_date changed last_modified_date last_modified_at last_edited "
        "modified_date update_date date_updated modification_date content_modified updated_on modified_on "
        "post_modified_date miseajour wijzigingsdatum data_modyfikacji data_aktualizacji zmodyfikowano muokattu "
        "päivitetty módosítva дата_изменения дата_обновления обновлено изменено 更新日 更新日時 更新时间 更新時間 "
        "修改时间 수정일 تاريخ_التحديث תאריך_עדכון ngày_cập_nhật tanggal_diperbarui ημερομηνία_ενημέρωσης оновлено "
        "дата_оновлення 수정일시 datum_izmjene"
    ),
    "expires_at": (
        "publish_down expires expiry valid_until valid_to valid_through offline_date offline_at offline_from "
        "publish_end unpublished_at removed_at withdrawn_at retracted_at ablaufdatum fecha_de_caducidad"
    ),
    "canonical_id": "canonical original_id translation_of translation_of_id translated_from",
    "access": (
        "paywall access_level content_access is_premium premium is_paid paid paywalled is_paywalled locked is_locked "
        "subscriber_only subscribers_only"
    ),
    "sensitivity": "sensitive",
    "kind": "type article_type content_type genre format story_type post_type",
}
ALIASES = {field: tuple(names.split()) for field, names in _ALIASES.items()}
"""Field -> the names of columns that contain it, besides its own; of several the first that is filled counts."""
_UNITS = "(?:on|at|date|time|datetime|timestamp|ts|epoch|unix|millis|ms|micros|utc|gmt|iso)+"
# Folded names of many forms, which count before the name that they begin with, or after all others.
_FORMS = (
    ("id", "identifier", "(artikel|artikkel|artikkeli|beitrags?|meldungs?|haber|yazi|news|story|article|clanek|cikk)"
     "(id|nr|nummer|no|number|num)"),
    ("published_at", "release_date",
     "(first|original|initial)?(publish|published|publication|publishing|pub|released?|issued?)" + _UNITS,
     "(zuerst)?(veroffentlicht|veroeffentlicht|publiziert|erschienen)(am|um)?",
     "(veroffentlichungs|veroeffentlichungs|erscheinungs|publikations)(datum|termin|zeit|zeitpunkt|tag)",
     "(publie|paru|misenligne)(le)?", "(date|dateheure)(de)?(premiere)?(publication|parution|miseenligne)",
     "publicad[ao](em|el)?", "(fecha|data)(yhora)?(de|di)?(publicacion|publicacao|pubblicazione)",
     "pubblicat[oa](il)?", "(gepubliceerd|verschenen)(op)?", "(publicatie|verschijnings|plaatsings)datum",
     "opublikowan[oaey]|data(czas)?publikacji", "(publisert|publicerad|publiceret|udgivet|julkaistu)(dato|datum|den)?",
     "(publiserings|publicerings|udgivelses)(dato|datum|tid)", "julkaisu(paiva|aika)", "datum(vydani|zverejneni)",
     "(megjelenes|kozzetetel)(datuma|ideje)?", "(yayin|yayinlanma)(tarihi|zamani)"),
    ("updated_at", "",
     "(last)?(update|updated|modified|modification|changed?|edited|edit|revised|revision)" + _UNITS,
     "(zuletzt|letzte)?(geandert|geaendert|aktualisiert|bearbeitet|anderung|aenderung|aktualisierung|bearbeitung)(am)?",
     "(anderungs|aenderungs|aktualisierungs)(datum|zeit|zeitpunkt)", "(modifie|misajour|actualise)(le)?",
     "(date)?(de)?(derniere)?(modification|miseajour)", "(actualizado|modificado|atualizado)(el|em)?",
     "(fecha|data)?(de|di)?(la)?(ultima)?(modificacion|actualizacion|modifica|modificacao|atualizacao|aggiornamento)",
     "(laatst)?(gewijzigd|bijgewerkt|aangepast)(op)?", "(aggiornato|modificato)(il)?", "data(modyfikacji|aktualizacji)",
     "(sist|senast|sidst)?(endret|oppdatert|andrad|uppdaterad|ændret|opdateret)",
     "datum(zmeny|aktualizace|upravy)", "(son)?guncelle(me|nme)(tarihi)?"),
    ("expires_at", "",
     "(unpublish|depublish|expiry|expires?|expiration|depublication|publicationend|endpublish)" + _UNITS,
     "(online|visible|available|show|publish)(until|till)", "(gultig|gueltig|online|sichtbar|verfugbar)bis",
     "(date)?(de)?finde?publication"),
)  # fmt: skip
TIMES = ("published_at", "updated_at", "expires_at")
EMBARGOES = (
    *("embargo", "embargoed", "embargo_until", "embargoed_until", "embargo_date", "embargo_time", "embargo_at"),
    *("scheduled_at", "scheduled_for", "scheduled_date", "available_from", "visible_from", "go_live_at", "live_at"),
    *("go_live_date", "go_live", "valid_from", "publish_from", "online_from", "sperrfrist", "sperrfrist_bis"),
    *("gültig_ab", "online_ab", "sichtbar_ab", "embargo_jusqu_au", "embargo_hasta", "embargo_tot"),
)
"""Columns of times before which a story is not published, whatever else its row says."""
_KICKERS = (
    "kicker overline dachzeile spitzmarke surtitre antetítulo occhiello chapéu bovenkop nadtytuł nadtitulek vinjett "
    "stikktittel trompet yläotsikko felcím üst_başlık eyebrow pretitle pre_title supertitle надзаголовок"
)
_NORDIC = {"brodtext", "brodtekst", "ingress", "manchet", "skribent", "avdelning", "sektion", "nyckelord", "emneord"}
_OF_NO_STORIES = {  # columns of tables of people, topics and media, whose names are no titles
    *("email", "mail", "firstname", "lastname", "username", "userlogin", "bio", "biography", "avatar", "avatarurls"),
    *("taxonomy", "parent", "parentid", "count", "role", "twitter", "storycount", "postcount", "articlecount"),
}


_LETTERS = str.maketrans("ıłøđ", "ilod")  # which are not made of another one and a mark


@lru_cache(maxsize=20_000)
def fold(name: str) -> str:
    """Drop case, accents, and all but letters and digits of a column name.

    Examples
    --------
    >>> fold("Pub_Date") == fold("pubDate"), fold("Auteur(s)"), fold("Título")
    (True, 'auteurs', 'titulo')
    """
    if not name.isascii():
        name = "".join(sign for sign in normalize("NFKD", name.casefold()) if not combining(sign)).translate(_LETTERS)
    return re.sub(r"[\W_]+", "", name).casefold()


_ID_LIKE = re.compile(r"(?:^|[\W_])(?i:id|nr|no|num|number|nummer|key|code|ref)\.?$|[a-z](?:ID|Id|Nr|Key)$")
_OF_STORY = re.compile(r"(?:article|story|post|news|node|artikel|content)(?!name$|head$|format$|text$|title$)(.+)")
_AGAIN = re.compile(r"(.+) [2-9]")
"""The name of a column behind another of this name, as readers call it."""
KICKERS = frozenset(map(fold, _KICKERS.split()))
"""Folded names of columns with the words above a headline, which say what a story is about."""
_PLACES = {  # folded name -> field, and the place among its names
    fold(name): (field, float(place))
    for field in FIELDS
    for place, name in reversed(list(enumerate((field, *ALIASES.get(field, ())))))
}
# before `publishedAt`, which next to these is the last publication
_PLACES |= {fold(name): ("published_at", -0.5) for name in ALIASES["published_at"] if name.startswith("first_publi")}
_PATTERNS = [
    (re.compile("|".join(forms)), field, _PLACES[fold(before)][1] - 0.5 if before else float(len(ALIASES[field]) + 1))
    for field, before, *forms in _FORMS
]


@lru_cache(maxsize=20_000)
def _place_of(column: str) -> tuple[str, float] | None:
    """Find the field of a name, and its place among the names of this."""
    folded = fold(column)
    if (known := _PLACES.get(folded)) is not None:
        return known
    if matched := next(((field, place) for pattern, field, place in _PATTERNS if pattern.fullmatch(folded)), None):
        return matched
    again = _AGAIN.fullmatch(column) or _OF_STORY.fullmatch(folded)  # article_published
    known = _place_of(again[1]) if again else None
    return (known[0], known[1] + 0.1) if known else None


def recognise(columns: Iterable[str], mapping: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Find which columns feed which field: first `mapping` (field -> column), then the known names, in order.

    Of several columns the first that is filled counts.

    Examples
    --------
    >>> recognise(["guid", "head", "Headline", "pubDate", "mood"], {})
    {'id': ('guid',), 'title': ('Headline', 'head'), 'published_at': ('pubDate',)}
    """
    mapped = set(mapping.values())
    named = [column for column in columns if isinstance(column, str) and column not in mapped]
    found: dict[str, list[tuple[float, str]]] = {}
    for column in named:
        if (place := _place_of(column)) is not None:  # "id" before "_id", which reads the same
            found.setdefault(place[0], []).append((place[1] if column != place[0] else -1, column))
    # `_links` of REST answers are addresses of the answer itself
    found["links"] = [(0.0, column) for column in named if column.strip().casefold() == "links"][:1]
    recognised: dict[str, tuple[str, ...]] = {field: (column,) for field, column in mapping.items()}
    for field in FIELDS:
        if field not in recognised and field != "extra" and found.get(field):
            ranked = sorted(found[field], key=lambda place: place[0])
            firsts = {fold(column): column for place, column in reversed(ranked) if place >= 0}  # of each spelling
            recognised[field] = tuple(column for place, column in ranked if place < 0 or firsts[fold(column)] == column)
    return _with_true_title(recognised, named)


def _with_true_title(recognised: dict[str, tuple[str, ...]], named: list[str]) -> dict[str, tuple[str, ...]]:
    """Take the headline of Nordic tables for the title, and the names of people and topics not."""
    folded = {fold(column): column for column in reversed(named)}
    rubrik = folded.get("rubrik")
    if "title" not in recognised and rubrik and not _NORDIC.isdisjoint(folded):
        sections = tuple(column for column in recognised["section"] if column != rubrik)
        rest = {**recognised, "section": sections} if sections else _without(recognised, "section")
        return {"title": (rubrik,), **rest}
    titles = recognised.get("title", ())
    if "body" not in recognised and set(map(fold, titles)) == {"name"} and not _OF_NO_STORIES.isdisjoint(folded):
        return _without(recognised, "title")
    return recognised


def _without(recognised: dict[str, tuple[str, ...]], left_out: str) -> dict[str, tuple[str, ...]]:
    return {field: columns for field, columns in recognised.items() if field != left_out}


def find_columns(names: Sequence[Any], aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Find the column of each field, by its own name or the first of its aliases that is there, compared by `fold`.

    Examples
    --------
    >>> find_columns(["Target", "target_id", "From"], {"story": ["from"], "item": ["target"], "time": []})
    {'story': 'From', 'item': 'Target'}
    """
    by_name = {fold(name): name for name in reversed(names) if isinstance(name, str)}
    known = ((field, map(fold, (field, *further))) for field, further in aliases.items())
    found = {field: next((by_name[name] for name in folded if name in by_name), None) for field, folded in known}
    return {field: column for field, column in found.items() if column is not None}


def guess_id_column(columns: Iterable[str]) -> str | None:
    """Guess which column contains the id, by the last word of its name; None where none looks so.

    Examples
    --------
    >>> guess_id_column(["Kopf", "Beitrags-ID"]), guess_id_column(["Kopf", "Covid"])
    ('Beitrags-ID', None)
    """
    return next((name for name in columns if _ID_LIKE.search(name.strip())), None)


def known_names(columns: Iterable[str]) -> frozenset[str]:
    """Find the fields that columns of these names feed.

    Examples
    --------
    >>> sorted(known_names(["guid", "Headline", "mood"]))
    ['id', 'title']
    """
    return frozenset(recognise(columns, {}))
