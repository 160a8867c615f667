"""On the command line: words, flags and names that don't exist, and values that can't be."""

import pytest

from tests.integration.lapinq.mistakes.mistake import Mistake, check

pytestmark = pytest.mark.http

NIL = "00000000-0000-0000-0000-000000000000"
ADD = "tests.support.sample.tasks:add"

WORDS = [
    Mistake("tsak", 2, "No such command 'tsak'. Did you mean 'task'?"),
    Mistake("task lst", 2, "No such command 'lst'. Did you mean 'list'?"),
    Mistake("worker lsit", 2, "No such command 'lsit'. Did you mean 'list'?"),
    Mistake("db strat", 2, "Did you mean one of: 'start', 'status'?"),
    Mistake("task list --statsu failed", 2, "Did you mean one of: '--state', '--status'?"),
    Mistake("queue list --jsn", 2, "No such option '--jsn'. Did you mean '--json'?"),
    Mistake("--json task list", 2, "No such option '--json'. Flags go after the command: cli COMMAND --json"),
    Mistake("worker --concurency 4", 2, "No such option '--concurency'. Did you mean '--concurrency'?"),
    Mistake(
        "task list --status faild", 2, "'faild' is not one of 'pending', 'running', 'completed', 'failed',"
    ),
    Mistake("task list --status faild", 2, "Did you mean 'failed'?"),
    Mistake("webhook list --state pendign", 2, "Did you mean 'pending'?"),
    Mistake(
        "key create ci --scope reed",
        2,
        "'reed' is not one of 'enqueue', 'read', 'manage', 'schedule'. Did you mean 'read'?",
    ),
    Mistake("key create ci", 2, "Missing option '--scope' / '-s'. Choose from:\n\tenqueue,\n\tread,"),
    Mistake("user role lisa boss", 2, "'boss' is not one of 'admin', 'user'."),
    Mistake("health apii", 2, "'apii' is not one of 'api', 'worker', 'scheduler'. Did you mean 'api'?"),
    Mistake("completion tcsh", 2, "'tcsh' is not one of 'bash', 'zsh', 'fish'."),
    Mistake("task list extra", 2, "Got unexpected extra argument (extra)"),
    Mistake("task get", 2, "Missing argument 'ID'"),
    Mistake("queue set mail", 2, "give what to change, such as --max-running or --rate"),
    Mistake("limit set gpu", 2, "give --max-running, --rate or both"),
    Mistake("limit set gpu --rate 5", 2, "'5' is neither N/SECONDS nor N/SECONDS/BURST"),
    Mistake("api FETCH tasks", 2, "METHOD is one of GET, POST, PUT, PATCH, DELETE, HEAD"),
    Mistake("api POST enqueue -f task_name", 2, "must have the form NAME=VALUE"),
    Mistake("api POST enqueue -F priority=high", 2, "priority must be JSON; -f takes a text"),
    Mistake("health api --url nowhere", 2, "nowhere is not a URL such as http://127.0.0.1:8001"),
    Mistake("health api --url ftp://here", 2, "ftp://here is not a URL"),
    Mistake("health api --url http://here:port", 2, "http://here:port is not a URL"),
    Mistake("health api", 2, "LAPINQ_PORT", {"LAPINQ_PORT": "many"}),
    Mistake("health api", 1, "no answer from http://127.0.0.1:1/livez", {"LAPINQ_PORT": "1"}),
    Mistake("health worker --timeout 0", 2, "0.0 is not in the range x>0"),
    Mistake("migrate --lock-wait -1", 2, "-1.0 is not in the range x>=0"),
]

VALUES = [
    Mistake("task list --limit 0", 2, "0 is not in the range"),
    Mistake("task list --since yesterday", 2, "'yesterday' is neither a time ago such as 30m"),
    Mistake("task get 123", 2, "'123' is too short: give at least 6 characters of the id"),
    Mistake(f"task get {NIL}", 1, f"no task {NIL}"),
    Mistake("task wait --timeout soon 01981c1e", 2, "'soon' is not a duration such as 90, 30s, 15m"),
    Mistake("task delete", 2, "give IDs, or filters such as --queue, or --all for all tasks"),
    Mistake(f"task delete {NIL} --all", 2, "give either IDs, or filters, --all and --dry-run"),
    Mistake("task cancel --running --all", 2, "--running needs IDs"),
    Mistake("task requeue --status pending", 2, "'pending' is not 'failed'"),
    Mistake("task list --ids --json", 2, "give --ids or --json, not both"),
    Mistake(f"task logs {NIL} -f -j", 2, "give --follow or --json, not both"),
    Mistake("task why ffffffff", 1, "no task ffffffff"),
    Mistake("task why mail", 2, "'mail' is not the id of a task, nor its beginning"),
    Mistake("task cancel", 2, "give IDs, or filters such as --queue, or --all for all tasks"),
    Mistake("queue show mial", 1, "there is no queue with this name (did you mean 'mail'?)"),
    Mistake("queue resume mial", 1, "there is no queue with this name (did you mean 'mail'?)"),
    Mistake("queue purge mial --yes", 0, "Note: there is no queue mial; did you mean mail?"),
    Mistake("task list --queue mial", 0, "Note: there is no queue mial; did you mean mail?"),
    Mistake("task requeue --queue mial --dry-run", 0, "Note: there is no queue mial; did you mean mail?"),
    Mistake(
        "queue set mail --max-running 0", 2, "max_running must be from 1 to 1,000,000, or null for no limit"
    ),
    Mistake("queue set mail --max-running many", 2, "'many' is neither a whole number nor none"),
    Mistake("limit set a,b --max-running 1", 2, "letters, digits"),
    Mistake("limit set gpu --max-running 0", 2, "max_running must be from 1 to 1,000,000"),
    Mistake("limit show gpu", 1, "there is no limit with this name"),
    Mistake("worker quiet nobody", 1, "no worker nobody: `lapinq worker list` shows their names and ids"),
    Mistake("worker stop nobody", 1, "no worker nobody: `lapinq worker list` shows their names and ids"),
    Mistake("webhook show 5", 1, "no webhook 5"),
    Mistake(f"webhook resend {NIL}", 1, f"no webhook {NIL}"),
]

ENQUEUEING = [
    Mistake("task enqueue", 2, "Missing argument 'MODULE:FUNCTION'"),
    Mistake("task enqueue shop.tasks", 2, "'shop.tasks' is not MODULE:FUNCTION: do you mean shop:tasks?"),
    Mistake("task enqueue shop/tasks.py:add", 2, "names a file: name the module, shop.tasks:add"),
    Mistake("task enqueue math", 2, "is not MODULE:FUNCTION, such as shop.tasks:send_mail"),
    Mistake("task enqueue 1x:f", 2, "module_path must be a dotted Python module name"),
    Mistake(f"task enqueue {ADD} [1,", 2, "'[1,' begins like JSON, but is not: "),
    Mistake(
        f"task enqueue {ADD} 1 --args [2]", 2, "give arguments after the function or as --args, not both"
    ),
    Mistake(f"task enqueue {ADD} a=1 a=2", 2, "a= is given twice"),
    Mistake(f"task enqueue {ADD} -5", 2, "put -- before -5: it looks like an option"),
    Mistake(f"task enqueue {ADD} --args 1", 2, "args must be a list, not an integer"),
    Mistake(f"task enqueue {ADD} --in 1h --at 2030-01-01", 2, "give --at or --in, not both"),
    Mistake(
        f"task enqueue {ADD} --ttl 0 --wait", 2, "--wait needs a task with a result: --ttl 0 leaves none"
    ),
    Mistake(f"task enqueue {ADD} --key ü", 2, "must have 1 to 255 printable ASCII characters"),
    Mistake(f"task enqueue {ADD} --priority 9999999999", 2, "priority must be between"),
    Mistake(f"task enqueue {ADD} --limit gpu", 2, "'gpu' is not NAME=UNITS, such as openai=1200"),
    Mistake(f"task enqueue {ADD} --limit gpu=2 --limit tpu=1", 2, "limits.gpu is not a limit that exists"),
    Mistake(f"task enqueue {ADD} --args [1", 2, "'[1' is not JSON"),
    Mistake(f"task enqueue {ADD} --kwargs [1]", 2, "kwargs must be an object, not a list"),
    Mistake(f"task enqueue {ADD} --in soon", 2, "'soon' is not a duration such as 90, 30s, 15m"),
    Mistake(f"task enqueue {ADD} --at tomorrow", 2, "'tomorrow' is not a time such as 2030-01-31T12:00"),
    Mistake(f"task enqueue {ADD} --priority high", 2, "'high' is not a valid integer"),
    Mistake(f"task enqueue {ADD} --max-retries -1", 2, "max_retries must be between 0 and 100"),
    Mistake(
        f"task enqueue {ADD} --webhook localhost", 2, "webhook_url must be an http or https URL with a host"
    ),
    Mistake(f"task enqueue {ADD} --metadata 5", 2, "metadata must be an object, not an integer"),
]

SCHEDULES = [
    Mistake("schedule show nope", 1, "no schedule nope"),
    Mistake("schedule disable nope", 1, "no schedule nope"),
    Mistake("schedule run nope", 1, "no schedule nope"),
    Mistake("schedule delete nope --yes", 1, "no schedule nope"),
    Mistake("schedule next '* * * * *'", 1, "no schedule * * * * *; an expression needs --cron"),
    Mistake("schedule next --cron '61 * * * *'", 2, "minute '61': allowed are 0-59"),
    Mistake("schedule next --cron '* * * * fooday'", 2, "day of week 'fooday': allowed are 0-6 or sun-sat"),
    Mistake("schedule next --cron '* * *'", 2, "has 3 fields; it needs five"),
    Mistake("schedule next --cron @dayly", 2, "the aliases are @hourly, @daily"),
    Mistake("schedule next --cron @daily --tz Europe/Madird", 2, "use an IANA name such as Europe/Madrid"),
    Mistake("schedule next --every often", 2, "such as 15m or 1h30m"),
    Mistake("schedule apply missing.toml", 1, "missing.toml can't be read"),
    Mistake("schedule apply shop/tasks.py", 2, "'shop/tasks.py' is Python: name its module, shop.tasks"),
    Mistake("schedule apply no_such_module", 1, "no module 'no_such_module'"),
    Mistake("schedule apply no_such_module", 1, "Start the command where the module can be imported"),
]

PEOPLE = [
    Mistake("user add lisa --password-stdin", 2, "must have 8 to 1024 characters", stdin="short"),
    Mistake("user add '' --password-stdin", 2, "the username must", stdin="correct horse"),
    Mistake("user password lisa --password-stdin", 2, "must have 8 to 1024 characters", stdin="short"),
    Mistake("user role nobody admin", 1, "there is no user nobody"),
    Mistake("user permit nobody mail", 2, "mail=cancel,requeue"),
    Mistake("user permit nobody mail=pause", 1, "there is no user nobody"),
    Mistake("user delete nobody", 1, "there is no user nobody"),
    Mistake("key delete nobody", 1, "no key nobody"),
]


def test_words_and_flags_that_do_not_exist() -> None:
    check(WORDS)


def test_values_that_cannot_be_and_names_that_nobody_has(place: tuple[str, str]) -> None:
    check([*VALUES, *ENQUEUEING, *SCHEDULES, *PEOPLE], place)
