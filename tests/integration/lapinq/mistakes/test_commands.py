"""On the command line: words, flags and names that don't exist, and values that can't be."""

import pytest

from tests.integration.lapinq.mistakes.mistake import check

pytestmark = pytest.mark.http

NIL = "00000000-0000-0000-0000-000000000000"
ADD = "tests.support.sample.tasks:add"

WORDS = """
2 | tsak | No such command 'tsak'. Did you mean 'task'?
2 | enqueue shop:add 1 | No such command 'enqueue'. Did you mean `cli task enqueue`?
2 | list | Did you mean `cli task list`?
2 | version | Did you mean `cli --version`?
2 | task create shop:add | Did you mean `cli task enqueue`?
2 | schedule add nightly | Did you mean `cli apply`?
2 | task lst | No such command 'lst'. Did you mean 'list'?
2 | worker lsit | No such command 'lsit'. Did you mean 'list'?
2 | worker -q mail list | --queue must come after `cli worker list`, if it takes it
2 | worker --drain stop x | --drain must come after `cli worker stop`, if it takes it
2 | db strat | Did you mean one of: 'start', 'status'?
2 | task list --failed | No such option '--failed'
2 | task list failed | Got unexpected extra argument (failed)
2 | worker --loglevel info | Did you mean '--log-level'?
2 | worker --queues mail | Did you mean '--queue'?
2 | worker start | Did you mean `cli worker`?
2 | queue delete mail | Did you mean `cli queue purge`?
2 | limit create gpu --max-running 1 | Did you mean `cli limit set`?
2 | retry | Did you mean `cli task requeue`?
2 | run | Did you mean `cli worker`?
2 | task list --statsu failed | No such option '--statsu'. Did you mean '--status'?
2 | task list --status failed,redy | 'redy' is not one of 'pending', 'running',
2 | task list --status failed,redy | Did you mean 'ready'?
2 | queue list --jsn | No such option '--jsn'. Did you mean '--json'?
2 | --json task list | No such option '--json'. Flags go after the command: cli COMMAND --json
2 | worker --concurency 4 | No such option '--concurency'. Did you mean '--concurrency'?
2 | task list --status faild | 'faild' is not one of 'pending', 'running', 'completed', 'failed',
2 | task list --status faild | Did you mean 'failed'?
2 | webhook list --state pendign | Did you mean 'pending'?
2 | key create ci --scope reed | 'reed' is not one of 'enqueue', 'read', 'manage', 'schedule'. Did you mean 'read'?
2 | key create ci | give --scope, what the key may do: enqueue tasks, read them,
2 | key create ci | for example: lapinq key create ci --scope enqueue
2 | user add lisa <<< correct horse | add --password-stdin to read it from standard input
2 | user password lisa <<< correct horse | add --password-stdin to read it from standard input
2 | user role lisa boss | 'boss' is not one of 'admin', 'user'.
2 | health apii | 'apii' is not one of 'api', 'worker', 'scheduler'. Did you mean 'api'?
2 | completion tcsh | 'tcsh' is not one of 'bash', 'zsh', 'fish'.
2 | task list extra | Got unexpected extra argument (extra)
2 | task get | Missing argument 'ID'
2 | queue set mail | give what to change, such as --max-running or --rate
2 | limit set gpu | give --max-running, --rate or both
2 | limit set gpu --rate 5 | '5' is no rate such as 60/m, 100/30s or, with a burst, 90000/m/10000, nor none
2 | api FETCH tasks | METHOD is one of GET, POST, PUT, PATCH, DELETE, HEAD
2 | api POST enqueue -f task_name | must have the form NAME=VALUE
2 | api POST enqueue -F priority=high | priority must be JSON; -f takes a text
2 | health api --url nowhere | nowhere is not a URL such as http://127.0.0.1:8001
2 | health api --url ftp://here | ftp://here is not a URL
2 | health api --url http://here:port | http://here:port is not a URL
2 | LAPINQ_PORT=many health api | LAPINQ_PORT
1 | LAPINQ_PORT=1 health api | no answer from http://127.0.0.1:1/livez
2 | health worker --timeout 0 | 0.0 is not in the range x>0
2 | migrate --lock-wait -1 | -1.0 is not in the range x>=0
"""

VALUES = f"""
2 | task list --limit 0 | 0 is not in the range
2 | task list --since tomorrow | 'tomorrow' is neither a time ago such as 30m
2 | workflow show 123 | '123' is too short: give at least 6 characters of the id
2 | workflow cancel monday | 'monday' is not the id of a workflow, nor its beginning
2 | workflow retry | Missing argument 'ID...'
2 | task get 123 | '123' is too short: give at least 6 characters of the id
1 | task get {NIL} | no task {NIL}
2 | task wait --timeout soon 01981c1e | 'soon' is not a duration such as 90, 30s, 15m
2 | task delete | give IDs, or filters such as --queue, or --all for all tasks
2 | task delete {NIL} --all | give either IDs, or filters, --all and --dry-run
2 | task cancel | give IDs, or filters such as --queue, or --all for all tasks
2 | task cancel --running --all | --running needs IDs
2 | task requeue --status pending | 'pending' is not 'failed'
2 | task list --ids --json | give --ids or --json, not both
2 | task logs {NIL} -f -j | give --follow or --json, not both
1 | task why ffffffff | no task ffffffff
2 | task why mail | 'mail' is not the id of a task, nor its beginning
1 | queue show mial | there is no queue with this name (did you mean 'mail'?)
1 | queue resume mial | there is no queue with this name (did you mean 'mail'?)
1 | queue purge mial --yes | nobody has seen a queue 'mial' (did you mean 'mail'?): it has no tasks, and no worker,
1 | queue pause mial | nobody has seen a queue 'mial' (did you mean 'mail'?)
1 | queue pause mial | names it. If the name is right, add --create
1 | queue set mial --max-running 1 | names it. If the name is right, add --create
1 | breaker set ad --failures-in-row 5 | nobody has seen a task 'ad' (did you mean 'add'?): none has run, and no worker,
1 | breaker set ad --failures-in-row 5 | names it. If the name is right, add --create
0 | task list --queue mial | Note: there is no queue mial; did you mean mail?
0 | task requeue --queue mial --dry-run | Note: there is no queue mial; did you mean mail?
2 | queue set mail --max-running 0 | 0 is not from 1 to 1,000,000, nor none
2 | queue set mail --breaker '{{"failures": 5}}' | breaker.failures is not a known field (did you mean 'failure_share'?)
2 | queue set mail --breaker '{{"failures": 5}}' | known are failures_in_row, failure_share, window_seconds,
2 | queue set mail --rate 60 | '60' is no rate such as 60/m, 100/30s or, with a burst, 90000/m/10000, nor none
2 | queue set mail --rate 0/m | rate.limit must be more than 0
2 | queue set mail --order fifo | 'fifo' is not one of 'priority', 'fair', 'strict_per_key'
2 | queue set mail --weight gold | 'gold' is not KEY=N
2 | queue set mail --weight gold=0 --order fair | weights.gold must be from 0.001 to 1,000
2 | queue set mail --breaker 0 | breaker.failures_in_row must be from 1 to 100,000
2 | queue purge mail --status done | 'done' is not one of 'pending', 'completed'
2 | limit set gpu --rate 5/0 | rate.period_seconds must be from 0.001 to 31,536,000 seconds
2 | limit set gpu --rate 5/1e-300 | rate.period_seconds must be from 0.001 to 31,536,000 seconds
2 | breaker set add | give what to change, such as --failures-in-row or --failure-share
2 | breaker set add --window 60 | must have failures_in_row or failure_share
2 | breaker set add --failure-share half | 'half' is no share such as 0.5, nor none
2 | breaker set add --failure-share 50 | failure_share must be more than 0 and at most 1
1 | breaker remove add | add --yes to answer without a terminal
1 | breaker show send_nwes | this task name has no circuit breaker (did you mean 'send_news'?)
1 | breaker close devices | the queue 'devices' has one: see `lapinq queue show` and `lapinq queue close-breaker`
1 | breaker close ad | this task name has no circuit breaker
2 | queue set mail --max-running many | 'many' is no whole number, nor none
2 | queue pause mail --reason {"x" * 1001} | reason must have at most 1000 characters
2 | queue set mail --weight gold=3 | weights apply in fair order only, and the order is priority: set it
2 | limit set a,b --max-running 1 | letters, digits
2 | limit set gpu --max-running 0 | 0 is not from 1 to 1,000,000, nor none
2 | limit set mailer --max-running none | must have max_running or rate
1 | limit show gpu | there is no limit with this name
1 | limit open mialer | there is no limit with this name (did you mean 'mailer'?)
1 | worker quiet nobody | no worker nobody: `lapinq worker list` shows their names and ids
1 | worker stop nobody | no worker nobody: `lapinq worker list` shows their names and ids
1 | webhook show 5 | no webhook 5
1 | webhook resend {NIL} | no webhook {NIL}
"""

ENQUEUEING = f"""
2 | task enqueue | Missing argument 'MODULE:FUNCTION'
2 | task enqueue shop.tasks | 'shop.tasks' is not MODULE:FUNCTION: do you mean shop:tasks?
2 | task enqueue add 1 2 | 'add' is not MODULE:FUNCTION, such as shop.tasks:send_mail
2 | task enqueue {ADD} --timeout 0 | timeout_seconds must be more than 0
2 | task enqueue {ADD} --in -5 | '-5' is not a duration such as 90, 30s, 15m
2 | task enqueue {ADD} --unique '' | unique.key must have 1 to 255 characters
2 | task enqueue {ADD} --metadata a=1 | 'a=1' is not JSON
2 | task enqueue {ADD} --queue '' | queue_name must have 1 to 255 characters
2 | task enqueue shop/tasks.py:add | names a file: name the module, shop.tasks:add
2 | task enqueue math | is not MODULE:FUNCTION, such as shop.tasks:send_mail
2 | task enqueue 1x:f | module_path must be a dotted Python module name
2 | task enqueue {ADD} [1, | '[1,' begins like JSON, but is not:
2 | task enqueue {ADD} 1 --args [2] | give arguments after the function or as --args, not both
2 | task enqueue {ADD} a=1 a=2 | a= is given twice
2 | task enqueue {ADD} -5 | put -- before -5: it looks like an option
2 | task enqueue {ADD} --args 1 | args must be a list, not an integer
2 | task enqueue {ADD} --args [1 | '[1' is not JSON
2 | task enqueue {ADD} --kwargs [1] | kwargs must be an object, not a list
2 | task enqueue {ADD} --in 1h --at 2030-01-01 | give --at or --in, not both
2 | task enqueue {ADD} --in soon | 'soon' is not a duration such as 90, 30s, 15m
2 | task enqueue {ADD} --at tomorrow | 'tomorrow' is not a time such as 2030-01-31T12:00
2 | task enqueue {ADD} --ttl 0 --wait | --wait needs a task with a result: --ttl 0 leaves none
2 | task enqueue {ADD} --idempotency-key ü | must have 1 to 255 printable ASCII characters
2 | task enqueue {ADD} --priority 9999999999 | priority must be between
2 | task enqueue {ADD} --priority high | 'high' is not a valid integer
2 | task enqueue {ADD} --limit gpu | 'gpu' is not NAME=UNITS, such as openai=1200
2 | task enqueue {ADD} --limit gpu=2 --limit tpu=1 | limits.gpu is not a limit that exists
2 | task enqueue {ADD} --limit mialer=1 | limits.mialer is not a limit that exists (did you mean 'mailer'?)
2 | task enqueue {ADD} --max-retries -1 | max_retries must be between 0 and 100
2 | task enqueue {ADD} --webhook localhost | webhook_url must be an http or https URL with a host
2 | task enqueue {ADD} --metadata 5 | metadata must be an object, not an integer
"""

SCHEDULES = """
1 | schedule delete nightly <<< n | not confirmed: add --yes to answer without a terminal
1 | schedule delete nightly | not confirmed: add --yes to answer without a terminal
1 | schedule run nigthly | no schedule nigthly (did you mean 'nightly'?)
1 | schedule show nope | no schedule nope
1 | schedule disable nope | no schedule nope
1 | schedule run nope | no schedule nope
1 | schedule delete nope --yes | no schedule nope
1 | schedule next '* * * * *' | no schedule * * * * *; an expression needs --cron
2 | schedule next | give the NAME of a schedule, or --cron or --every
2 | schedule next --every 60 | must be whole numbers of w, d, h, m and s, in this order, such as 15m
2 | schedule next --cron '61 * * * *' | minute '61': allowed are 0-59
2 | schedule next --cron '* * * * fooday' | day of week 'fooday': allowed are 0-6 or sun-sat
2 | schedule next --cron '* * *' | has 3 fields; it needs five
2 | schedule next --cron @dayly | the aliases are @hourly, @daily
2 | schedule next --cron @daily --tz Europe/Madird | use an IANA name such as Europe/Madrid
2 | schedule next --every often | such as 15m or 1h30m
1 | apply missing.toml | missing.toml can't be read
2 | apply shop/tasks.py | 'shop/tasks.py' is Python: name its module, shop.tasks
1 | apply no_such_module | no module 'no_such_module'
1 | apply no_such_module | Start the command where the module can be imported
"""

PEOPLE = """
2 | user add lisa --password-stdin <<< short | must have 8 to 1024 characters
2 | user add '' --password-stdin <<< correct horse | the username must
2 | user password lisa --password-stdin <<< short | must have 8 to 1024 characters
1 | user role nobody admin | there is no user nobody
2 | user permit nobody mail | mail=cancel,requeue
1 | user permit nobody mail=pause | there is no user nobody
1 | user permit lisa mial=pause | nobody has seen a queue 'mial' (did you mean 'mail'?)
1 | user permit lisa mail=pause nosuch=pause | nobody has seen a queue 'nosuch': it has no tasks
2 | user reads lisa | name the queues that the user may read, or give --all
2 | user reads lisa mail --all | name the queues that the user may read, or give --all
1 | user reads nobody mail | there is no user nobody
1 | user reads lisa mial | nobody has seen a queue 'mial' (did you mean 'mail'?)
2 | user add tom --queue '' --password-stdin <<< correct horse | reads[0] must have 1 to 255 characters
2 | user add tom --role admin -q a --password-stdin <<< correct horse | an admin reads all queues
1 | user add tom --queue mial --password-stdin <<< correct horse | nobody has seen a queue 'mial' (did you mean 'mail'?)
1 | user add tom --queue mial --password-stdin <<< correct horse | names it. If the name is right, add --create
1 | user delete nobody | there is no user nobody
2 | key create '' -s read | name must have 1 to 255 characters
2 | key create ci -s read --expires soon | 'soon' is not a duration such as 90, 30s, 15m
2 | key create ci -s read --queue '' | queues[0] must have 1 to 255 characters
1 | key delete nobody | no key nobody
"""


def test_words_and_flags_that_do_not_exist() -> None:
    check(WORDS)


@pytest.mark.parametrize("table", [VALUES, ENQUEUEING, SCHEDULES, PEOPLE])
def test_values_that_cannot_be_and_names_that_nobody_has(place: tuple[str, str], table: str) -> None:
    check(table, place)
