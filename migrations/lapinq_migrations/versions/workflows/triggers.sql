CREATE TRIGGER lapinq_workflow_task_ended AFTER INSERT ON lapinq_attempts
    FOR EACH ROW WHEN (NEW.final AND lapinq_in_workflow(NEW.task_id)) EXECUTE FUNCTION lapinq_note_workflow_task();
CREATE TRIGGER lapinq_workflow_task_reopened AFTER UPDATE OF final ON lapinq_attempts
    FOR EACH ROW WHEN (NEW.final <> OLD.final AND lapinq_in_workflow(NEW.task_id))
    EXECUTE FUNCTION lapinq_note_workflow_task();
CREATE TRIGGER lapinq_workflow_task_deleted AFTER DELETE ON lapinq_tasks
    FOR EACH ROW WHEN (lapinq_in_workflow(OLD.id)) EXECUTE FUNCTION lapinq_note_workflow_task();

-- Triggers for one event fire in the order of their names. Where a transaction has set constraints to immediate, these must
-- come after those above.
CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_ended AFTER INSERT ON lapinq_attempts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.final AND lapinq_in_workflow(NEW.task_id)) EXECUTE FUNCTION lapinq_tell_workflows();
CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_reopened AFTER UPDATE OF final ON lapinq_attempts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.final <> OLD.final AND lapinq_in_workflow(NEW.task_id)) EXECUTE FUNCTION lapinq_tell_workflows();
CREATE CONSTRAINT TRIGGER lapinq_workflow_tell_deleted AFTER DELETE ON lapinq_tasks DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (lapinq_in_workflow(OLD.id)) EXECUTE FUNCTION lapinq_tell_workflows();
