"""One set of phone classes for every language and every synthesiser.

A class is what looks and sounds alike. Synthesisers name phones in IPA (espeak-ng), ARPABET
(flite, festival's English) or alphabets of their own; each is brought to IPA and then here.
"""

from __future__ import annotations

import unicodedata

SILENCE = "SIL"

#: class -> the IPA symbols it stands for.
CLASSES: dict[str, str] = {
    SILENCE: "",
    "P": "pɓʘ",
    "B": "bβ",
    "M": "m",
    "F": "fɸ",
    "V": "vʋɱ",
    "W": "wʍɥ",
    "UW": "uʉɯ",
    "UH": "ʊ",
    "OW": "oɵɤ",
    "AO": "ɔɒ",
    "AA": "ɑ",
    "A": "aɐ",
    "AE": "æ",
    "EH": "ɛ",
    "EY": "e",
    "IH": "ɪɨᵻ",
    "IY": "i",
    "AH": "əʌɘ",
    "ER": "ɜɚɝ",
    "YU": "yʏøœ",
    "T": "tʈ",
    "D": "dɖɗ",
    "N": "nɳ",
    "S": "s",
    "Z": "z",
    "SH": "ʃʂɕ",
    "ZH": "ʒʐʑ",
    "CH": "ʧ",
    "JH": "ʤ",
    "TH": "θ",
    "DH": "ð",
    "L": "lɫɭʎɬɮ",
    "R": "ɹɻrɾɽʀʁ",
    "K": "kqcʔ",
    "G": "gɡɣɟɢ",
    "NG": "ŋɲɴ",
    "HH": "hɦħʕ",
    "Y": "jʝ",
    "X": "xχç",
}
NAMES: tuple[str, ...] = tuple(CLASSES)
INDEX: dict[str, int] = {name: index for index, name in enumerate(NAMES)}
_OF_IPA = {symbol: name for name, symbols in CLASSES.items() for symbol in symbols}
_AFFRICATES = {"tʃ": "ʧ", "dʒ": "ʤ", "tɕ": "ʧ", "dʑ": "ʤ", "ʈʂ": "ʧ", "tʂ": "ʧ", "dʐ": "ʤ"}

_ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ",
    "b": "b", "ch": "ʧ", "d": "d", "dh": "ð", "dx": "d", "eh": "ɛ", "er": "ɝ", "ey": "eɪ",
    "f": "f", "g": "g", "hh": "h", "hv": "h", "ih": "ɪ", "iy": "i", "jh": "ʤ", "k": "k",
    "l": "l", "el": "l", "m": "m", "em": "m", "n": "n", "en": "n", "nx": "n", "ng": "ŋ",
    "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ",
    "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
    "pau": "", "brth": "", "h#": "", "sil": "", "ssil": "",
}  # fmt: skip
_ITALIAN = {
    "#": "", "SS": "ʃ", "S": "ʃ", "tS": "ʧ", "dZ": "ʤ", "ts": "ts", "dz": "dz", "L": "ʎ",
    "J": "ɲ", "O": "ɔ", "E": "ɛ", "ng": "ŋ", "nf": "n",
}  # fmt: skip
_CZECH = {
    "#": "", "n*": "n", "ng": "ŋ", "s~": "ʃ", "z~": "ʒ", "c~": "ʧ", "dz~": "ʤ", "c": "ts",
    "r~": "ɹ", "n~": "ɲ", "t~": "c", "d~": "ɟ", "ch": "x", "h": "h", "j": "j", "dz": "dz",
    "r*": "ɹ",
}  # fmt: skip
_FINNISH = {"#": "", "N": "ŋ", "y": "y", "@": "æ", "\u00e4": "æ", "\u00f6": "ø", "7": "ø"}
_CATALAN = {
    "pau": "", "ax": "ə", "O": "ɔ", "E": "ɛ", "S": "ʃ", "Z": "ʒ", "L": "ʎ", "J": "ɲ", "N": "ŋ",
    "rr": "r", "D": "ð", "B": "b", "G": "g", "tS": "ʧ", "dZ": "ʤ", "uw": "w", "y": "j",
}  # fmt: skip
_RUSSIAN = {
    "pau": "", "#": "", "ay": "ɪ", "ae": "ə", "y": "ɨ", "yy": "ɨ", "sh": "ʃ", "sch": "ʃ",
    "zh": "ʒ", "ch": "ʧ", "c": "ts", "j": "j", "h": "x", "hh": "x", "ur": "ə", "aa": "a",
    "oo": "o", "uu": "u", "ii": "i", "ee": "e",
}  # fmt: skip

#: Alphabet -> its symbols in IPA; a symbol that is not listed stands for itself.
ALPHABETS: dict[str, dict[str, str]] = {
    "ipa": {},
    "arpabet": _ARPABET,
    "italian": _ITALIAN,
    "czech": _CZECH,
    "finnish": _FINNISH,
    "catalan": _CATALAN,
    "russian": _RUSSIAN,
}


def classes_of(symbol: str, alphabet: str = "ipa") -> list[str]:
    """Return the phone classes one symbol stands for: several for a diphthong, none for silence.

    Raises:
        KeyError: No such alphabet.
    """
    table = ALPHABETS[alphabet]
    if alphabet != "ipa":
        bare = symbol if symbol in table else symbol.rstrip("0123456789:").rstrip("'")
        if alphabet == "russian" and bare not in table and len(bare) == 2 and bare[0] == bare[1]:
            bare = bare[0]
        symbol = table.get(bare, bare)
    if symbol.startswith("("):  # espeak-ng's mark for a change of language
        return []
    text = unicodedata.normalize("NFD", symbol)
    if "\u0327" in text:  # ç is one symbol in IPA, not a c with a cedilla
        text = text.replace("c\u0327", "ç")
    text = text.replace("\u0361", "")
    for pair, single in _AFFRICATES.items():
        text = text.replace(pair, single)
    return [_OF_IPA[letter] for letter in text if letter in _OF_IPA]
