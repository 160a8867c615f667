"""Faults, with real processes on a real PostgreSQL, by what they hit: a process, the database, a task or a clock.

Which test stands for which of the promised ones:

1. Claim under forced plans, limit 1:
   integration/tasks/attempts/test_claim.py::test_limit_one_takes_one_under_any_plan_and_leaves_none_unreturned
2. Complete, fail, release, heartbeat, progress after a rescue:
   integration/tasks/attempts/test_settle.py::test_a_stale_workers_result_changes_nothing
   integration/tasks/attempts/test_progress.py::test_a_stale_report_does_not_reach_the_later_claim
   integration/tasks/attempts/test_progress.py::test_progress_can_be_told_from_outside_for_a_claim_or_for_any
3. Requeue between claim and complete:
   integration/tasks/attempts/test_settle.py::test_a_result_from_before_a_requeue_is_refused
   integration/tasks/attempts/test_settle.py::test_a_result_from_before_a_rescue_and_a_requeue_is_refused
4. Complete against rescue, 1,000 racing pairs, and the same in batches:
   integration/tasks/attempts/test_settle.py::test_of_each_completion_that_races_with_a_rescue_one_wins
   integration/tasks/attempts/test_settle.py::test_completion_and_rescue_race_to_one_winner
5. kill -9 of a worker with 20 running:
   chaos/processes/test_worker_killed.py::test_only_a_killed_workers_tasks_run_again_and_within_the_lease
6. kill -9 at each step between claim and commit:
   chaos/processes/test_steps.py::test_whatever_the_step_at_which_a_worker_dies_starts_are_counted_as_promised
7. SIGSTOP for three leases, then SIGCONT:
   chaos/database/test_outages.py::test_a_paused_worker_loses_its_tasks_and_is_useful_again
8. A task that ignores its time limit or its cancellation, in C code too, in children and on the event loop:
   chaos/tasks/test_time_limits.py, all of it
9. A poison task among 200 others:
   chaos/tasks/test_poison.py::test_a_poison_task_among_two_hundred_harms_itself_alone
   chaos/tasks/test_poison.py::test_a_coroutine_that_takes_its_worker_down_is_isolated_the_next_time
10. A task that eats memory past the limit:
    chaos/tasks/test_poison.py::test_a_task_that_eats_memory_fails_with_that_reason
11. SIGTERM longer than the grace time:
    chaos/processes/test_stops.py::test_what_outlasts_the_grace_time_is_handed_back_and_restarted_elsewhere
12. Crash of PostgreSQL under load:
    chaos/database/test_outages.py::test_a_crash_of_the_database_under_load_loses_nothing
14. Database away for three leases, and a worker that comes up right after:
    chaos/database/test_outages.py::test_an_outage_of_three_leases_causes_no_second_run
    chaos/database/test_outages.py::test_a_worker_that_comes_up_after_an_outage_judges_nobody_for_a_lease
19. Connection cut right after the enqueue commit, 200 times:
    chaos/database/test_cut_commits.py::test_a_request_that_is_repeated_with_its_key_is_stored_once
21. 300 enqueues a second with the database away:
    chaos/database/test_shedding.py::test_three_hundred_enqueues_a_second_are_all_refused_in_time
28. Two API processes, one killed during batches of 1000:
    chaos/processes/test_api_killed.py::test_each_batch_amid_which_a_server_is_killed_is_stored_whole_or_not_at_all
30. kill -9 of everything, then start:
    chaos/processes/test_everything_killed.py::test_what_was_acknowledged_before_everything_was_killed_comes_to_its_end
33. A strict isolation by default, for the role or the database:
    chaos/database/test_strict_isolation.py::test_no_session_of_ours_fails_for_it_and_nothing_is_lost
    integration/upkeep/test_retention.py::test_a_week_stays_whose_task_is_requeued_at_its_end
35. Three million rows in the default partition:
    integration/upkeep/test_partitions.py::test_no_claim_waits_for_three_million_rows_in_the_default_partition
37. Limits, rates, orders and shares, with workers that are killed and rules that change:
    chaos/limits/test_limits.py::test_no_limit_is_ever_exceeded
39. kill -9 between every two steps of a durable task and in every wait, signals before, during and after the wait:
    chaos/processes/test_durable_killed.py, all of it
    integration/durable/test_wake_ups.py, all of it

test_mutations.py takes guards out of the product one by one, and sees tests of these fail.
"""
