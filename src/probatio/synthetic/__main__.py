"""`python -m probatio.synthetic data/demo`: write the bundled study again, and with --key its answer key."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from probatio.results import write_bytes
from probatio.synthetic import BUNDLED_SEED, EVERY_SOURCE, estimate_answer_key, generate_study, write_study


def main() -> None:
    """Write the study's files into a folder; the answer key only when asked, for it takes some minutes."""
    parser = argparse.ArgumentParser(prog="python -m probatio.synthetic", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the files go, such as data/demo")
    parser.add_argument("--seed", type=int, default=BUNDLED_SEED, help="another study of the same design")
    parser.add_argument("--key", action="store_true", help="also estimate and write answer_key.json")
    options = parser.parse_args()
    write_study(generate_study(options.seed, sources=EVERY_SOURCE), options.folder)
    if options.key:
        text = json.dumps(estimate_answer_key(), indent=1, ensure_ascii=False)
        write_bytes(options.folder / "answer_key.json", f"{text}\n".encode())


if __name__ == "__main__":
    main()
