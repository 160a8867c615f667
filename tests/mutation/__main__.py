"""Tries mutants, and lists those that no test notices: see scripts/mutants.

A mutant that has a fate in the file is not tried again, unless with `--again`: then those that were killed are, and
none of them may be alive.
"""

import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation.operators import Mutant
from tests.mutation.sampling import Fate, check_collection, fate_of, mutants, sample
from tests.support.database import postgres

AT_ONCE = 4  # tests mostly wait

first, name = sys.argv[1:]
results = Path(name)
lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
known = {key: fate for key, fate, _ in map(json.loads, lines)}
if first == "--again":
    killed = {key for key, fate in known.items() if fate == Fate.KILLED}
    chosen = [mutant for mutant in mutants() if mutant.key in killed]
    gone = killed - {mutant.key for mutant in chosen}
    print("\n".join([f"{len(gone)} places are gone:", *sorted(gone)]))
else:
    chosen = [mutant for mutant in sample(int(first)) if mutant.key not in known]

with postgres.server() as server, postgres.template(server) as template:
    check_collection(server, template)

    def tried(mutant: Mutant) -> tuple[Mutant, Fate, str, float]:
        began = time.monotonic()
        return mutant, *fate_of(mutant, server, template), time.monotonic() - began

    fates = Counter[str]()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for mutant, fate, how, seconds in threads.map(tried, chosen):
            fates[fate] += 1
            print(f"{fate:9} {mutant.path}:{mutant.line} {seconds:.0f} s {how}", flush=True)
            if fate != Fate.KILLED:
                print(f"          {mutant.before}\n          {mutant.after}", flush=True)
            if first != "--again":
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([mutant.key, fate, how], ensure_ascii=False) + "\n")
print(", ".join(f"{number} {fate}" for fate, number in fates.items()))
sys.exit(first == "--again" and fates[Fate.SURVIVED] > 0)
