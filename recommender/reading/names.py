"""Names of columns -> fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from recommender.articles.article import FIELDS

# Compared without case and "_- ", in the order in which they count.
_ALIASES = {
    "id": (
        "article_id story_id doc_id news_id uuid guid _id uri post_id nid content_id object_id item_id entry_id "
        "document_id record_id artikel_id artikelnummer artikel_nr id_article identifiant identificador id_articulo "
        "编号 編號 記事id 文章id номер"
    ),
    "title": (
        "headline head name headlines post_title web_title heading display_title title_text article_title story_title "
        "news_title artikeltitel titre_article encabezado artikelkop "
        "titel überschrift ueberschrift schlagzeile titre título titulo titular "
        "titolo tytuł заголовок 标题 標題 タイトル 見出し 제목"
    ),
    "body": (
        "text content_encoded content article_body full_text body_html content_html html body_text content_text "
        "content_elements inhalt fließtext fliesstext artikelinhalt corps corps_du_texte texte_intégral artikeltekst "
        "broodtekst post_content post_body story_text story_body story_content article_content news_content "
        "article_text maintext plaintext plain_content main_content body_value blocks content_blocks body_blocks "
        "rich_text body_json content_json artikeltext volltext texte contenu article texto contenido cuerpo tekst "
        "inhoud testo conteúdo conteudo treść текст 正文 内容 內容 内文 內文 本文 본문 내용"
    ),
    "lead": (
        "abstract summary description standfirst dek teaser subtitle excerpt short_description trail_text subheadline "
        "subheadlines post_excerpt post_summary custom_excerpt snippet highlights lead_text introtext body_summary "
        "einleitung anreißer anreisser unterzeile untertitel teasertext chapeau accroche sous_titre bajada copete "
        "subtítulo subtitulo inleiding introductie ondertitel "
        "content_summary meta_description deck intro description_text alternative_headline vorspann zusammenfassung "
        "chapô chapo résumé resumen entradilla samenvatting ingress "
        "sommario resumo zajawka анонс 摘要 要約 요약"
    ),
    "section": (
        "category desk channel rubric department categories section_name article_section category_name "
        "article_category section_title post_category primary_section ressort rubrik primary_category sections "
        "kategorie rubrique catégorie categorie sección seccion categoría categoria rubriek "
        "sezione seção secao dział kategoria рубрика раздел 栏目 欄目 分类 分類 カテゴリ カテゴリー 섹션"
    ),
    "tags": (
        "keywords topics labels subject subjects tag_names tag tag_list post_tag metakey meta_keywords schlagworte "
        "schlagwörter stichworte mots_clés mots_cles etiquetas palabras_clave trefwoorden onderwerpen "
        "etichette tagi теги метки 标签 標籤 タグ 태그"
    ),
    "language": (
        "lang locale locale_code languages_code in_language language_code lang_code "
        "sprache langue idioma taal lingua язык 语言 語言 言語 언어"
    ),
    "author": (
        "authors byline creator dc_creator author_name author_display_name coauthors authored_by written_by "
        "author_username writer reporter autor autoren verfasser auteur auteurs autora autores autore "
        "автор 作者 著者 記者 저자 기자"
    ),
    "source": "brand publisher outlet publication site site_name source_name newspaper",
    "url": "link permalink canonical_url web_url website_url article_url post_url page_url html_url story_url",
    "image_url": (
        "image thumbnail picture feature_image top_image lead_image url_to_image photo main_image hero_image "
        "featured_image cover_image og_image image_src"
    ),
    "published_at": (
        "published pub_date publish_date publication_date date_published published_date first_publication_date "
        "last_published published_time publication_time published_on first_published first_publish_date "
        "first_published_at web_publication_date date_gmt post_date_gmt post_date display_date version_created "
        "content_created first_created dc_date issued publish_time publishedat_utc publish_up publish_at "
        "publish_date_time publication_date_time published_date_time date_time article_date released_at "
        "erschienen_am veroeffentlicht_am publiziert_am publikationsdatum erscheinungstermin publié_le publie_le "
        "date_de_parution date_parution paru_le mis_en_ligne_le fecha_publicación fecha_de_publicacion publicado_el "
        "publicado_em gepubliceerd_op verschenen_op verschijningsdatum datum_publicatie plaatsingsdatum pubblicato_il "
        "release_date authored_on publish_on posted posted_at posted_on date datetime timestamp created_at created "
        "created_date date_created created_on time veröffentlichungsdatum erscheinungsdatum veröffentlicht_am "
        "date_de_publication date_publish seen_date date_publication fecha_de_publicación fecha_publicacion "
        "publicatiedatum datum fecha data_pubblicazione data_di_pubblicazione data_de_publicação data_publikacji "
        "дата_публикации дата 发布时间 發布時間 发布日期 發布日期 日期 公開日 公開日時 掲載日 日付 게시일 날짜"
    ),
    "updated_at": (
        "modified_gmt post_modified_gmt updated modified modified_at date_modified last_modified lastmod post_modified "
        "last_updated last_updated_date updated_date changed last_modified_date last_modified_at modified_date "
        "update_date date_updated modification_date content_modified updated_on modified_on post_modified_date "
        "edited_at geändert_am geaendert_am aktualisiert_am zuletzt_geändert zuletzt_aktualisiert letzte_änderung "
        "letzte_aktualisierung änderungsdatum aktualisierungsdatum modifié_le modifie_le mis_à_jour_le mise_à_jour "
        "date_de_modification date_modification dernière_modification date_de_mise_à_jour actualizado_el modificado_el "
        "fecha_de_modificación fecha_de_modificacion fecha_modificacion fecha_de_actualización fecha_actualizacion "
        "última_actualización gewijzigd_op bijgewerkt_op laatst_gewijzigd laatst_bijgewerkt wijzigingsdatum "
        "aangepast_op aggiornato_il atualizado_em"
    ),
    "expires_at": (
        "publish_down expires expiry valid_until unpublish_at unpublished_at removed_at withdrawn_at retracted_at "
        "expiry_date expiration_date expire_date"
    ),
    "canonical_id": "canonical original_id",
    "access": (
        "paywall access_level content_access is_premium premium is_paid paid paywalled is_paywalled locked is_locked "
        "subscriber_only subscribers_only"
    ),
    "sensitivity": "sensitive",
    "kind": "type article_type content_type genre format story_type post_type",
}
ALIASES = {field: tuple(names.split()) for field, names in _ALIASES.items()}
"""Field -> the names of columns that contain it, besides its own; of several the first that is filled counts."""
TIMES = ("published_at", "updated_at", "expires_at")
EMBARGOES = (
    *("embargo", "embargoed", "embargo_until", "embargoed_until", "embargo_date", "embargo_time", "embargo_at"),
    *("scheduled_at", "scheduled_for", "available_from", "visible_from", "go_live_at", "live_at"),
)
"""Columns of times before which a story is not published, whatever else its row says."""


def fold(name: str) -> str:
    """Drop case, spaces, hyphens and underscores of a column name.

    Examples
    --------
    >>> fold("Pub_Date") == fold("pubDate")
    True
    """
    return re.sub(r"[\s_\-.:@]+", "", name).casefold()


_ID_LIKE = re.compile(r"(?:^|[\W_])(?i:id|nr|no|num|number|nummer|key|code|ref)\.?$|[a-z](?:ID|Id|Nr|Key)$")
_NAMES = {field: tuple(fold(name) for name in (field, *ALIASES.get(field, ()))) for field in FIELDS}


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
    by_name = {fold(column): column for column in reversed(named)}
    recognised: dict[str, tuple[str, ...]] = {field: (column,) for field, column in mapping.items()}
    for field, names in _NAMES.items():
        if field == "links" and field not in recognised:
            # `_links` of REST answers are addresses of the answer itself
            column = next((column for column in named if column.strip().casefold() == field), None)
            if column is not None:
                recognised[field] = (column,)
        elif field not in recognised and field != "extra":
            exact = [field] if field in named else []  # "id" before "_id", which reads the same
            known = (by_name[name] for name in names if name in by_name)
            if sources := tuple(dict.fromkeys([*exact, *known])):
                recognised[field] = sources
    return recognised


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
