"""What each setting means: the help of its flag, and how its row in `docs/reference/settings.md` begins.

Times are in seconds. The help of a flag says by itself what its default and its variable are, and whether it is a list.
"""

TEXTS: dict[str, str] = {
    "database_url": "URL of the PostgreSQL database. Without it, the embedded PostgreSQL is used.",
    "listen_database_url": "Direct URL of the same database, if the other leads through a transaction pooler.",
    "data_dir": "Directory of the embedded database.",
    "pg_bin": "Directory of the programs `postgres` and `initdb` for the embedded database.",
    "pool_size": "Maximum number of database connections that the API keeps for requests.",
    "host": "Address to listen on.",
    "port": "Port to listen on. 0 picks a free port.",
    "api_processes": "Number of processes that serve this port.",
    "api_key": "Key that requests to the API must send. Without it, the API answers local requests alone.",
    "require_auth": "Refuse API requests without a key or session, even if no key is set.",
    "open_api": (
        "Whom the API answers without a key or session, if neither is required: `local` requests alone, or `everyone`."
    ),
    "read_only": "Refuse every change except logging in and out.",
    "redact": "Key names or patterns whose values in payloads are hidden from users without permission.",
    "session_secret": "Secret that signs dashboard sessions. Without it, a random one at each start.",
    "admin_username": "Name of the first user, created when there are no users. `lapinq` if not set.",
    "admin_password": "Password of the first user. `lapinq` if not set.",
    "cors_origins": "Origins whose pages may call the API from a browser.",
    "trusted_proxies": (
        "Addresses or networks of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are trusted."
    ),
    "hsts": (
        "Scope of `Strict-Transport-Security` in responses over TLS: this `host`, also its `subdomains`, or `off`."
    ),
    "rate_limit": "Maximum number of API requests per minute from one address. 0 is no limit.",
    "caller_share": "Maximum share of connections, waits, searches and live pages that one caller may hold.",
    "max_unread_size": "Memory for responses that clients have not read yet, in bytes or as `64M`.",
    "max_payload_size": "Maximum size of a request body in bytes.",
    "max_batch_payload_size": "Maximum size of the body of a batch or a workflow in bytes.",
    "allowed_hosts": "Host names accepted in requests, besides addresses and `localhost`.",
    "allowed_modules": "Glob patterns of modules that tasks may come from. Not set allows any.",
    "worker": "Run a worker inside the server.",
    "worker_concurrency": "Maximum number of tasks that a worker runs at the same time.",
    "worker_poll_interval": "How often an idle worker polls the queue when no notification wakes it, in seconds.",
    "worker_timeout": "Default time limit of a task, in seconds.",
    "time_limit_grace": (
        "Seconds that a task has to end after it is interrupted at its time limit, before it is ended by force."
    ),
    "cancel_grace": "Seconds that a cancelled task has to end, before it is ended by force.",
    "worker_pool": "Where plain functions run: `processes` or `threads`. Coroutines always run on the event loop.",
    "worker_max_memory": "Memory limit of a child process (resident), such as `512M`. A task that exceeds it fails.",
    "worker_max_tasks_per_child": "Replace a child process after this many tasks.",
    "worker_middleware": "Middleware around every task, each as `module:name`. The first is outermost.",
    "worker_strict_order": (
        "Serve the queues strictly in the order given: a queue only while all before it are empty."
    ),
    "worker_task_log": "Log when each task completes, and at level debug when it starts. On by default.",
    "worker_rates": "Log the worker's rates once a minute. Not set: only if standard error is a terminal.",
    "worker_queues": "Queues to serve, each as `name` or `name=weight`. Not set serves all.",
    "worker_imports": "Modules to import at startup.",
    "worker_name": "Name of the worker in lists and logs. Not set: host name, numbered if several run on it.",
    "worker_release": "Release of your code, such as a version or a commit. Workers and errors are shown with it.",
    "heartbeat_interval": "Seconds between a worker's heartbeats.",
    "lease_seconds": (
        "Seconds without a heartbeat after which a worker is declared dead, and other workers get its tasks."
    ),
    "stale_recovery_interval": "How often workers look for tasks of dead workers, in seconds.",
    "max_result_size": "Maximum size of a result as JSON, in bytes or as `64M`. A task that returns more fails.",
    "shutdown_grace": "Seconds that running tasks may continue at shutdown, before they are interrupted.",
    "webhook_secret": "Secrets that sign webhooks, in the form `whsec_` or `whroot_` and base64. Every secret signs.",
    "webhook_allow": "Private host names and networks that webhooks may be sent to.",
    "webhook_allow_public": "Public host names and networks that webhooks may be sent to. Not set allows all.",
    "webhooks_per_host": "Maximum number of webhooks that one process sends to one host at the same time.",
    "public_url": "Address of the dashboard as people open it, for links in notifications and those of tasks.",
    "smtp_url": (
        "Mail server for notifications, as `smtp://user:password@mail.example.org:587`, or `smtps://` for TLS from"
        " the start."
    ),
    "mail_from": "Address from which notifications are mailed. Not set: the user in the mail server's URL.",
    "metrics_port": "Port on which a worker or scheduler serves its metrics. 0 picks a free port. Not set: not served.",
    "metrics_host": "Address on which these metrics are served.",
    "scheduler": "Run the scheduler inside the server.",
    "scheduler_interval": "Maximum time between two checks for due schedules, in seconds.",
    "schedule_modules": "Modules whose declared schedules and limits the scheduler stores at startup.",
    "cleanup_interval": "Seconds between deletions of ended tasks whose time to live is over. 0 is off.",
    "keep": (
        "How long to keep ended tasks: `30d`, or `failed=90d` for one status, `audit=52w` for the audit log. Not set"
        " keeps all."
    ),
    "log_level": "Minimum level of logged lines.",
    "json_log": "Log each line as a JSON object.",
}
