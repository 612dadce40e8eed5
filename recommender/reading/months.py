"""Names of months in languages of news, as they stand behind the number of a day."""

from __future__ import annotations

from collections import defaultdict
from unicodedata import normalize

from recommender.errors import RowError

# Language -> the twelve months: as a date puts them, as they are called alone, and short names.
_NAMES = {
    "en": "january,jan february,feb march,mar april,apr may june,jun july,jul august,aug september,sep,sept "
    "october,oct november,nov december,dec",
    "de": "januar,jänner,jan,jän februar,feber,feb märz,maerz,mär,mrz april,apr mai juni,jun juli,jul august,aug "
    "september,sep,sept oktober,okt november,nov dezember,dez",
    "fr": "janvier,janv février,fevrier,févr,fév,fevr,fev mars avril,avr mai juin juillet,juil août,aout,aoû "
    "septembre,sept octobre,oct novembre,nov décembre,decembre,déc",
    "es": "enero,ene febrero,feb marzo,mar abril,abr mayo,may junio,jun julio,jul agosto,ago "
    "septiembre,setiembre,sep,sept,set octubre,oct noviembre,nov diciembre,dic",
    "it": "gennaio,gen,genn febbraio,febbr,febr,feb marzo,mar aprile,apr maggio,mag giugno,giu luglio,lug agosto,ago "
    "settembre,set,sett ottobre,ott novembre,nov dicembre,dic",
    "pt": "janeiro,jan fevereiro,fev março,marco,mar abril,abr maio,mai junho,jun julho,jul agosto,ago setembro,set "
    "outubro,out novembro,nov dezembro,dez",
    "ca": "gener,gen febrer,febr març abril,abr maig juny juliol agost setembre,set octubre,oct novembre,nov "
    "desembre,des",
    "nl": "januari,jan februari,feb maart,mrt april,apr mei juni,jun juli,jul augustus,aug september,sep,sept "
    "oktober,okt november,nov december,dec",
    "da": "januar,jan februar,feb marts,mar april,apr maj juni,jun juli,jul august,aug september,sep,sept oktober,okt "
    "november,nov december,dec",
    "no": "januar,jan februar,feb mars,mar april,apr mai juni,jun juli,jul august,aug september,sep,sept oktober,okt "
    "november,nov desember,des",
    "sv": "januari,jan februari,feb,febr mars april,apr maj juni,jun juli,jul augusti,aug september,sep,sept "
    "oktober,okt november,nov december,dec",
    "fi": "tammikuuta,tammikuu helmikuuta,helmikuu maaliskuuta,maaliskuu huhtikuuta,huhtikuu toukokuuta,toukokuu "
    "kesäkuuta,kesäkuu heinäkuuta,heinäkuu elokuuta,elokuu syyskuuta,syyskuu lokakuuta,lokakuu "
    "marraskuuta,marraskuu joulukuuta,joulukuu",
    "et": "jaanuar,jaan veebruar,veebr märts aprill mai juuni juuli august,aug september,sept oktoober,okt "
    "november,nov detsember,dets",
    "lv": "janvāris,janvārī februāris,februārī marts,martā aprīlis,aprīlī maijs,maijā jūnijs,jūnijā jūlijs,jūlijā "
    "augusts,augustā septembris,septembrī oktobris,oktobrī novembris,novembrī decembris,decembrī",
    "lt": "sausio vasario kovo balandžio gegužės birželio liepos rugpjūčio rugsėjo spalio lapkričio gruodžio",
    "pl": "stycznia,styczeń,sty lutego,luty,lut marca,marzec,mar kwietnia,kwiecień,kwi maja,maj czerwca,czerwiec,cze "
    "lipca,lipiec,lip sierpnia,sierpień,sie września,wrzesień,wrz października,październik,paź "
    "listopada,listopad,lis grudnia,grudzień,gru",
    "cs": "ledna,leden,led února,únor,úno března,březen,bře dubna,duben,dub května,květen,kvě června,červen,čvn "
    "července,červenec,čvc srpna,srpen,srp září,zář října,říjen,říj listopadu,listopad,lis "
    "prosince,prosinec,pro",
    "sk": "januára,január,jan februára,február,feb marca,marec,mar apríla,apríl,apr mája,máj júna,jún júla,júl "
    "augusta,august,aug septembra,september,sep októbra,október,okt novembra,november,nov decembra,december,dec",
    "sl": "januarja,jan februarja,feb marca,mar aprila,apr maja,maj junija,jun julija,jul avgusta,avg septembra,sep "
    "oktobra,okt novembra,nov decembra,dec",
    "hr": "siječnja,siječanj,sij veljače,veljača,velj ožujka,ožujak,ožu travnja,travanj,tra svibnja,svibanj,svi "
    "lipnja,lipanj,lip srpnja,srpanj,srp kolovoza,kolovoz,kol rujna,rujan,ruj listopada,listopad,lis "
    "studenoga,studeni,studenog,stu prosinca,prosinac,pro",
    "sr": "januar,јануар,jan,јан februar,фебруар,feb,феб mart,март,mar,мар april,април,apr,апр maj,мај jun,јун "
    "jul,јул avgust,август,avg,авг septembar,септембар,sep,сеп oktobar,октобар,okt,окт "
    "novembar,новембар,nov,нов decembar,децембар,dec,дец",
    "hu": "január,jan február,febr március,márc április,ápr május,máj június,jún július,júl augusztus,aug "
    "szeptember,szept október,okt november,nov december,dec",
    "ro": "ianuarie,ian februarie,feb martie,mar aprilie,apr mai iunie,iun iulie,iul august,aug septembrie,sept "
    "octombrie,oct noiembrie,noi decembrie,dec",
    "ru": "января,январь,янв февраля,февраль,фев,февр марта,март,мар апреля,апрель,апр мая,май июня,июнь,июн "
    "июля,июль,июл августа,август,авг сентября,сентябрь,сен,сент октября,октябрь,окт ноября,ноябрь,ноя,нояб "
    "декабря,декабрь,дек",
    "uk": "січня,січень,січ лютого,лютий,лют березня,березень,бер квітня,квітень,кві,квіт травня,травень,тра,трав "
    "червня,червень,чер,черв липня,липень,лип серпня,серпень,сер,серп вересня,вересень,вер "
    "жовтня,жовтень,жов,жовт листопада,листопад,лис грудня,грудень,гру,груд",
    "be": "студзеня лютага сакавіка красавіка мая чэрвеня ліпеня жніўня верасня кастрычніка лістапада снежня",
    "bg": "януари февруари,февр март април,апр май юни юли август,авг септември,септ октомври,окт ноември,ноем "
    "декември,дек",
    "el": "ιανουαρίου,ιανουάριος,ιαν φεβρουαρίου,φεβρουάριος,φεβ μαρτίου,μάρτιος,μαρ απριλίου,απρίλιος,απρ "
    "μαΐου,μάιος,μαΐ ιουνίου,ιούνιος,ιουν ιουλίου,ιούλιος,ιουλ αυγούστου,αύγουστος,αυγ "
    "σεπτεμβρίου,σεπτέμβριος,σεπ οκτωβρίου,οκτώβριος,οκτ νοεμβρίου,νοέμβριος,νοε δεκεμβρίου,δεκέμβριος,δεκ",
    "tr": "ocak,oca şubat,şub mart nisan,nis mayıs haziran,haz temmuz,tem ağustos,ağu eylül,eyl ekim,eki kasım,kas "
    "aralık",
    "id": "januari,jan februari,feb maret,mar april,apr mei juni,jun juli,jul agustus,agu september,sep oktober,okt "
    "november,nov desember,des",
    "he": "בינואר,ינואר בפברואר,פברואר במרץ,במרס,מרץ,מרס באפריל,אפריל במאי,מאי ביוני,יוני ביולי,יולי באוגוסט,אוגוסט "
    "בספטמבר,ספטמבר באוקטובר,אוקטובר בנובמבר,נובמבר בדצמבר,דצמבר",
    "hi": "जनवरी फरवरी,फ़रवरी मार्च अप्रैल मई जून जुलाई अगस्त सितंबर,सितम्बर अक्टूबर,अक्तूबर नवंबर,नवम्बर दिसंबर,दिसम्बर",
    "ar": "يناير فبراير مارس أبريل,إبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
}


def _month_numbers() -> dict[str, dict[str, int]]:
    numbers: dict[str, dict[str, int]] = defaultdict(dict)
    for language, months in _NAMES.items():
        for number, names in enumerate(months.split(), 1):
            for name in names.split(","):
                numbers[_fold(name)][language] = number
    return numbers


def _fold(name: str) -> str:
    return normalize("NFC", name.casefold())  # Greek letters and Turkish ones fold to some with marks next to them


_NUMBERS = _month_numbers()
MONTHS = {name: next(iter(numbers.values())) for name, numbers in _NUMBERS.items() if len(set(numbers.values())) == 1}
"""Number of a month by its name or short name, folded and without a full stop, where all languages agree."""


class AmbiguousMonth(RowError):
    """A name that means other months in other languages."""


def month_number(name: str, language: str | None = None) -> int:
    """Find the number of a month by its name; `language` decides where languages disagree.

    Raises `ValueError` if it is unknown, and `AmbiguousMonth` if it is another month in another language.

    Examples
    --------
    >>> month_number("Oktober"), month_number("listopada", "pl"), month_number("listopada", "hr")
    (10, 11, 10)
    """
    folded = _fold(name)
    if folded in MONTHS:
        return MONTHS[folded]
    if folded not in _NUMBERS:
        raise ValueError(f"unknown month: {name}")
    numbers = _NUMBERS[folded]
    if language not in numbers:
        raise AmbiguousMonth(f"{name} is another month in {' and '.join(numbers)}; reading.site_language tells which")
    return numbers[language]
