"""Why a decision is refused: a closed code, worded in both languages, never with a patient's value."""

from __future__ import annotations

from typing import Final, Literal, get_args

from probatio.protocol import UserError
from probatio.wording import Language, read_word

RefusalCode = Literal[
    "unknown_case", "stale_case", "no_reader", "same_reader", "decided", "read_meanwhile", "moved", "no_candidate",
    "candidate_conforms_not", "value_missing", "value_conforms_not", "value_is_date", "value_is_missing_code",
    "value_unneeded", "answer_unknown", "too_long", "seconds_wrong", "nothing_to_withdraw", "built_upon",
]  # fmt: skip
REFUSALS: Final = get_args(RefusalCode)


class RefusalError(UserError):
    """A decision that cannot be taken; `code` says why."""

    def __init__(self, code: RefusalCode) -> None:
        super().__init__(read_word("refusal", code, "en"))
        self.code: RefusalCode = code

    def read(self, language: Language) -> str:
        """Return the sentence in one language."""
        return read_word("refusal", self.code, language)
