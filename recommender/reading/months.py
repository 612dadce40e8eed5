"""Names of months, in the languages whose names do not contradict each other."""

from __future__ import annotations

# English, German, French, Spanish, Italian, Portuguese, Dutch, Danish, Norwegian, Swedish. Slavic languages share
# names that stand for different months ("listopad"), and are left to `reading.date_format` with numbers.
_NAMES = (
    "january januar jänner janvier enero gennaio janeiro januari jan janv jän ene genn gen",
    "february februar feber février fevrier febrero febbraio fevereiro februari feb févr fév fev febr",
    "march märz maerz mars marzo março marco maart marts mar mär mrz mrt",
    "april avril abril aprile apr avr abr",
    "may mai mayo maggio maio mei maj mag",
    "june juni juin junio giugno junho jun giu",
    "july juli juillet julio luglio julho jul juil lug",
    "august août aout agosto augustus augusti aug ago aoû",
    "september septembre septiembre setiembre settembre setembro sep sept set sett",
    "october oktober octobre octubre ottobre outubro oct okt ott out",
    "november novembre noviembre novembro nov",
    "december dezember décembre decembre diciembre dicembre dezembro dec dez déc dic des desember",
)
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
"""Number of a month by its name or short name, folded and without a full stop."""
