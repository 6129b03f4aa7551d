"""Festival: the Segment relation gives each phone's end."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from masktalk.errors import MasktalkError
from masktalk.train.synthesis.voice import Utterance, read_wave, segments_from_ends

#: voice -> (language, alphabet, bytes its text is written in, Debian package)
VOICES: dict[str, tuple[str, str, str, str]] = {
    "kal_diphone": ("en", "arpabet", "latin-1", "festvox-kallpc16k"),
    "ked_diphone": ("en", "arpabet", "latin-1", "festvox-kdlpc16k"),
    "cmu_us_slt_arctic_hts": ("en", "arpabet", "latin-1", "festvox-us-slt-hts"),
    "lp_diphone": ("it", "italian", "latin-1", "festvox-italp16k"),
    "pc_diphone": ("it", "italian", "latin-1", "festvox-itapc16k"),
    "czech_ph": ("cs", "czech", "iso8859-2", "festvox-czech-ph"),
    "czech_dita": ("cs", "czech", "iso8859-2", "festvox-czech-dita"),
    "czech_machac": ("cs", "czech", "iso8859-2", "festvox-czech-machac"),
    "czech_krb": ("cs", "czech", "iso8859-2", "festvox-czech-krb"),
    "suo_fi_lj_diphone": ("fi", "finnish", "latin-1", "festvox-suopuhe-lj"),
    "hy_fi_mv_diphone": ("fi", "finnish", "latin-1", "festvox-suopuhe-mv"),
    "upc_ca_ona_hts": ("ca", "catalan", "latin-1", "festvox-ca-ona-hts"),
}

_SCRIPT = """
(voice_{name})
(Parameter.set 'Duration_Stretch {stretch})
(define (say text file)
  (set! utt (utt.synth (eval (list 'Utterance 'Text text))))
  (mapcar (lambda (s) (format t "%s %s\\n" (item.name s) (item.feat s "end")))
          (utt.relation.items utt 'Segment))
  (format t "done\\n")
  (utt.save.wave utt file 'riff))
"""


@dataclass(frozen=True)
class FestivalVoice:
    """One voice of Festival, from ``VOICES``.

    Attributes:
        name: As Festival calls it, without ``voice_``.
        stretch: Duration factor; above 1 is slower.
    """

    name: str
    stretch: float = 1.0

    @property
    def language(self) -> str:
        """Return the language's code."""
        return VOICES[self.name][0]

    def say(self, text: str) -> Utterance:
        """Synthesise a text."""
        return self.say_all([text])[0]

    def say_all(self, texts: list[str]) -> list[Utterance]:
        """Synthesise many texts in one process: loading a voice takes longer than speaking."""
        _, alphabet, encoding, package = VOICES[self.name]
        with tempfile.TemporaryDirectory() as folder:
            script = [_SCRIPT.format(name=self.name, stretch=self.stretch)]
            outs = [Path(folder) / f"{index}.wav" for index in range(len(texts))]
            for text, out in zip(texts, outs, strict=True):
                script.append(f'(say "{_plain(text)}" "{out}")')
            path = Path(folder) / "say.scm"
            path.write_bytes("\n".join(script).encode(encoding, "ignore"))
            done = subprocess.run(
                ["festival", "-b", str(path)], capture_output=True, check=False, timeout=600
            )
            blocks = done.stdout.decode(encoding, "replace").split("done\n")[:-1]
            if len(blocks) != len(texts):
                raise MasktalkError(
                    f"festival voice {self.name}",
                    f"failed: {done.stderr.decode(encoding, 'replace').strip()[-200:]}",
                    f"install {package}",
                )
            return [
                Utterance(read_wave(out), segments_from_ends(_ends(block)), alphabet)
                for block, out in zip(blocks, outs, strict=True)
            ]


def _plain(text: str) -> str:
    return re.sub(r'["\\()]', " ", text)


def _ends(block: str) -> list[tuple[str, float]]:
    lines = [line.split() for line in block.splitlines()]
    return [(line[0], float(line[1])) for line in lines if len(line) == 2]
