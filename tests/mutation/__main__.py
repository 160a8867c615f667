"""`python -m tests.mutation COUNT [RESULTS]` runs a sample of COUNT mutants and lists the survivors.

Each fate is appended to the file RESULTS; a mutant that has one there is not run again.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from tests.mutation.sampling import Fate, check_collection, fate_of, sample
from tests.support.database import postgres

count = int(sys.argv[1])
results = Path(sys.argv[2]) if len(sys.argv) > 2 else None
known: dict[str, str] = {}
if results is not None and results.exists():
    known = {key: fate for key, fate, _ in map(json.loads, results.read_text(encoding="utf-8").splitlines())}
fates = Counter[str]()
with postgres.server() as server, postgres.template(server) as template:
    check_collection(server, template)
    for mutant in sample(count):
        if mutant.key in known:
            fates[known[mutant.key]] += 1
            continue
        began = time.monotonic()
        fate, noticed = fate_of(mutant, server, template)
        fates[fate] += 1
        print(f"{fate:9} {mutant.path}:{mutant.line} {time.monotonic() - began:.0f} s {noticed}", flush=True)
        if fate != Fate.KILLED:
            print(f"          {mutant.before}\n          {mutant.after}", flush=True)
        if results is not None:
            with results.open("a", encoding="utf-8") as file:
                file.write(json.dumps([mutant.key, fate, noticed]) + "\n")
print(", ".join(f"{number} {fate}" for fate, number in fates.items()))
