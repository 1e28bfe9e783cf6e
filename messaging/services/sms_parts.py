"""How many parts an SMS is sent and paid in, in Python and as an SQL text (GSM 03.38, 3GPP TS 23.040).

In GSM-7 one part holds 160 characters and each of several 153, those of the extension table counting twice; any
other character makes the text UCS-2: 70, or 67 of several, in UTF-16 units. That a pair may not be cut between
two parts is left out of account: it matters to one text in thousands.
"""

GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"


def parts(text: str) -> int:
    """Parts of the text; an empty one is sent as one."""
    return _parts(units(text), 160, 153) if seven_bit(text) else _parts(units(text), 70, 67)


def seven_bit(text: str) -> bool:
    """Whether the text is sent in GSM-7, where more fits into a part."""
    return all(letter in GSM or letter in EXTENSION for letter in text)


def units(text: str) -> int:
    """What the length of the text is counted in: characters of GSM-7, or units of UTF-16."""
    if seven_bit(text):
        return len(text) + sum(letter in EXTENSION for letter in text)
    return len(text.encode("utf-16-le")) // 2


def _parts(units: int, one: int, several: int) -> int:
    return 1 if units <= one else -(-units // several)


def parts_sql(column: str) -> str:
    """The same over a column of text, whose name is trusted. It takes the parameters `gsm` and `extension`."""
    seven = f"length({column}) * 2 - length(translate({column}, %(extension)s, ''))"
    # Characters outside the basic plane take two units: they alone are four bytes of UTF-8.
    wide = f"length(regexp_replace({column}, '[^\\U00010000-\\U0010FFFF]', '', 'g'))"
    two = f"length({column}) + {wide}"
    return f"""CASE WHEN translate({column}, %(gsm)s || %(extension)s, '') = ''
                    THEN CASE WHEN {seven} <= 160 THEN 1 ELSE ceil(({seven}) / 153.0)::int END
                    ELSE CASE WHEN {two} <= 70 THEN 1 ELSE ceil(({two}) / 67.0)::int END END"""


PARAMETERS = {"gsm": GSM, "extension": EXTENSION}
