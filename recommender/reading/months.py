"""Names of months, in the languages whose names do not contradict each other."""

from __future__ import annotations

# English, German, French, Spanish, Italian, Portuguese, Dutch, Danish, Norwegian, Swedish, Russian, Turkish, Greek.
# Other Slavic languages share names that stand for different months ("listopad"): `reading.date_format` is theirs.
_NAMES = (
    "january januar jänner janvier enero gennaio janeiro januari jan janv jän ene genn gen января ocak ιανουαρίου",
    "february februar feber février fevrier febrero febbraio fevereiro februari feb févr fév fev febr февраля "
    "şubat φεβρουαρίου",
    "march märz maerz mars marzo março marco maart marts mar mär mrz mrt mart марта μαρτίου",
    "april avril abril aprile apr avr abr апреля nisan απριλίου",
    "may mai mayo maggio maio mei maj mag мая mayıs μαΐου",
    "june juni juin junio giugno junho jun giu июня haziran ιουνίου",
    "july juli juillet julio luglio julho jul juil lug июля temmuz ιουλίου",
    "august août aout agosto augustus augusti aug ago aoû августа ağustos αυγούστου",
    "september septembre septiembre setiembre settembre setembro sep sept set sett сентября eylül σεπτεμβρίου",
    "october oktober octobre octubre ottobre outubro oct okt ott out октября ekim οκτωβρίου",
    "november novembre noviembre novembro nov ноября kasım νοεμβρίου",
    "december dezember décembre decembre diciembre dicembre dezembro dec dez déc dic des desember декабря "
    "aralık δεκεμβρίου",
)
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
"""Number of a month by its name or short name, folded and without a full stop."""
