SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.dragoman_tally_keep() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO dragoman_tally (owner, process_id, status, n) VALUES (OLD.owner, OLD.process_id, OLD.status, -1);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO dragoman_tally (owner, process_id, status, n) VALUES (NEW.owner, NEW.process_id, NEW.status, 1);
  END IF;
  IF mod(coalesce(NEW.seq, OLD.seq), 256) = 0
    AND pg_try_advisory_xact_lock('dragoman_tally'::regclass::bigint)
  THEN
    WITH gone AS (DELETE FROM dragoman_tally RETURNING owner, process_id, status, n)
    INSERT INTO dragoman_tally (owner, process_id, status, n)
    SELECT owner, process_id, status, sum(n) FROM gone GROUP BY owner, process_id, status HAVING sum(n) <> 0;
  END IF;
  RETURN NULL;
END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.dragoman_jobs (
    seq bigint NOT NULL,
    id character varying(36) NOT NULL,
    process_id text NOT NULL,
    process_version text NOT NULL,
    dialect text NOT NULL,
    owner text NOT NULL,
    principal text NOT NULL,
    runtime text NOT NULL,
    request text NOT NULL,
    mode character varying(8) NOT NULL,
    priority integer NOT NULL,
    timeout double precision,
    status character varying(12) NOT NULL,
    progress integer NOT NULL,
    message text NOT NULL,
    created bigint NOT NULL,
    started bigint,
    finished bigint,
    updated bigint NOT NULL,
    attempts integer NOT NULL,
    restarts integer NOT NULL,
    worker text,
    lease_until bigint,
    outputs text NOT NULL,
    failure text,
    idempotency_key text,
    fingerprint text NOT NULL
);
CREATE SEQUENCE public.dragoman_jobs_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.dragoman_jobs_seq_seq OWNED BY public.dragoman_jobs.seq;
CREATE TABLE public.dragoman_meta (
    key character varying(32) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.dragoman_tally (
    owner text NOT NULL,
    process_id text NOT NULL,
    status character varying(12) NOT NULL,
    n bigint NOT NULL
);
ALTER TABLE ONLY public.dragoman_jobs ALTER COLUMN seq SET DEFAULT nextval('public.dragoman_jobs_seq_seq'::regclass);
INSERT INTO public.dragoman_jobs VALUES (1, '00000000-0000-4000-8000-000000000001', 'echo', '1.0.0', 'ogc', 'anonymous', '{"id": "anonymous", "roles": [], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"text": [{"value": "job 1"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}', 'async', 0, 7200, 'accepted', 0, '', 1772366460250000, NULL, NULL, 1772366460250000, 0, 0, NULL, NULL, '[]', NULL, NULL, '');
INSERT INTO public.dragoman_jobs VALUES (2, '00000000-0000-4000-8000-000000000002', 'echo', '1.0.0', 'ogc', 'alice', '{"id": "alice", "roles": ["author"], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"text": [{"value": "job 2"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}', 'sync', 3, 7200, 'accepted', 0, '', 1772366520250000, NULL, NULL, 1772366520250000, 0, 0, NULL, NULL, '[]', NULL, 'accepted-key', 'f2');
INSERT INTO public.dragoman_jobs VALUES (3, '00000000-0000-4000-8000-000000000003', 'echo', '1.0.0', 'ogc', 'anonymous', '{"id": "anonymous", "roles": [], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": true, "raw": null}', 'async', 0, 7200, 'accepted', 0, '', 1772366580250000, NULL, NULL, 1772366580250000, 0, 0, NULL, NULL, '[]', NULL, NULL, '');
INSERT INTO public.dragoman_jobs VALUES (4, '00000000-0000-4000-8000-000000000004', 'echo', '1.0.0', 'ogc', 'anonymous', '{"id": "anonymous", "roles": [], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"text": [{"value": "job 4"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}', 'async', 0, 7200, 'running', 40, 'half way', 1772366640250000, 1795791883003896, NULL, 1795791883041276, 1, 0, '{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}', 1795791913003896, '[]', NULL, NULL, '');
INSERT INTO public.dragoman_jobs VALUES (5, '00000000-0000-4000-8000-000000000005', 'echo', '1.0.0', 'ogc', 'anonymous', '{"id": "anonymous", "roles": [], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"text": [{"value": "job 5"}]}, "outputs": {"text": {"transmission": "value"}}, "response": "document", "subscriber": {"failed_uri": "http://127.0.0.1:9/failed"}, "roi": null, "spooled": false, "raw": null}', 'async', 0, 7200, 'running', 0, '', 1772366700250000, 1795791883061405, NULL, 1795791883061405, 2, 1, '{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}', 1795791913061405, '[]', NULL, NULL, '');
INSERT INTO public.dragoman_jobs VALUES (6, '00000000-0000-4000-8000-000000000006', 'echo', '1.0.0', 'ogc', 'alice', '{"id": "alice", "roles": ["author"], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"text": [{"value": "job 6"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}', 'async', 0, 7200, 'successful', 100, '', 1772366760250000, 1795791883064767, 1795791883067363, 1795791883067363, 1, 0, '{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}', NULL, '[{"id": "text", "media_type": "application/json", "value": "job 6", "file": null, "size": null, "items": []}, {"id": "received", "media_type": "application/json", "value": ["text=\"job 6\""], "file": null, "size": null, "items": []}]', NULL, 'done-key', 'f6');
INSERT INTO public.dragoman_jobs VALUES (7, '00000000-0000-4000-8000-000000000007', 'echo', '1.0.0', 'pesto', 'anonymous', '{"id": "anonymous", "roles": [], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"image": [{"href": "https://example.org/scene.tif", "media_type": "image/tiff"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": {"targets_in": ["image"], "targets_out": ["image"], "lines": {"first": 10, "number": 20, "margin": 0}, "columns": null}, "spooled": false, "raw": null}', 'async', 0, 7200, 'successful', 100, '', 1772366820250000, 1795791883072942, 1795791883078934, 1795791883078934, 1, 0, '{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}', NULL, '[{"id": "image", "media_type": "image/tiff", "value": null, "file": "image.tif", "size": 5, "items": []}, {"id": "images", "media_type": "image/tiff", "value": null, "file": null, "size": null, "items": [{"id": "images", "media_type": "image/tiff", "value": null, "file": "images-0.tif", "size": 3, "items": []}, {"id": "images", "media_type": "image/tiff", "value": null, "file": null, "size": null, "items": []}]}]', NULL, NULL, '');
INSERT INTO public.dragoman_jobs VALUES (8, '00000000-0000-4000-8000-000000000008', 'echo', '1.0.0', 'ogc', 'anonymous', '{"id": "anonymous", "roles": [], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"text": [{"value": "job 8"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}', 'async', 0, 7200, 'failed', 0, 'input ''text'': too long', 1772366880250000, 1795791883088957, 1795791883097061, 1795791883097061, 1, 0, '{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}', NULL, '[]', '{"code": "execution-failed", "detail": "input ''text'': too long", "problems": [["text", "too long"]]}', NULL, '');
INSERT INTO public.dragoman_jobs VALUES (9, '00000000-0000-4000-8000-000000000009', 'echo', '1.0.0', 'ogc', 'anonymous', '{"id": "anonymous", "roles": [], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"text": [{"value": "job 9"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}', 'async', 0, 7200, 'dismissed', 0, 'dismissed before it ran', 1772366940250000, NULL, 1795791883105007, 1795791883105007, 0, 0, NULL, NULL, '[]', NULL, NULL, '');
INSERT INTO public.dragoman_jobs VALUES (10, '00000000-0000-4000-8000-000000000010', 'echo', '1.0.0', 'ogc', 'anonymous', '{"id": "anonymous", "roles": [], "admin": false}', '{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}', '{"inputs": {"text": [{"value": "gr\u00f6\u00dfe \u6f22\u5b57"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}', 'async', 0, 7200, 'dismissed', 0, 'dismissed while it ran', 1772367000250000, 1795791883116229, 1795791883119192, 1795791883119192, 1, 0, '{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}', NULL, '[]', NULL, NULL, '');
INSERT INTO public.dragoman_meta VALUES ('version', '1');
INSERT INTO public.dragoman_meta VALUES ('checked', '0');
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('alice', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', 1);
INSERT INTO public.dragoman_tally VALUES ('alice', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('alice', 'echo', 'accepted', -1);
INSERT INTO public.dragoman_tally VALUES ('alice', 'echo', 'running', 1);
INSERT INTO public.dragoman_tally VALUES ('alice', 'echo', 'running', -1);
INSERT INTO public.dragoman_tally VALUES ('alice', 'echo', 'successful', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'successful', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'failed', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'dismissed', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'accepted', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', 1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'running', -1);
INSERT INTO public.dragoman_tally VALUES ('anonymous', 'echo', 'dismissed', 1);
SELECT pg_catalog.setval('public.dragoman_jobs_seq_seq', 10, true);
ALTER TABLE ONLY public.dragoman_jobs
    ADD CONSTRAINT dragoman_jobs_id_key UNIQUE (id);
ALTER TABLE ONLY public.dragoman_jobs
    ADD CONSTRAINT dragoman_jobs_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.dragoman_meta
    ADD CONSTRAINT dragoman_meta_pkey PRIMARY KEY (key);
CREATE INDEX dragoman_jobs_finished ON public.dragoman_jobs USING btree (finished);
CREATE UNIQUE INDEX dragoman_jobs_idempotency ON public.dragoman_jobs USING btree (owner, process_id, idempotency_key);
CREATE INDEX dragoman_jobs_newest ON public.dragoman_jobs USING btree (owner, seq, status, process_id);
CREATE INDEX dragoman_jobs_process ON public.dragoman_jobs USING btree (process_id, seq);
CREATE INDEX dragoman_jobs_state ON public.dragoman_jobs USING btree (owner, status, seq, process_id);
CREATE INDEX dragoman_jobs_status ON public.dragoman_jobs USING btree (status, seq);
CREATE TRIGGER dragoman_tally_added AFTER INSERT ON public.dragoman_jobs FOR EACH ROW EXECUTE FUNCTION public.dragoman_tally_keep();
CREATE TRIGGER dragoman_tally_moved AFTER UPDATE OF owner, process_id, status ON public.dragoman_jobs FOR EACH ROW WHEN ((((old.status)::text <> (new.status)::text) OR (old.owner <> new.owner) OR (old.process_id <> new.process_id))) EXECUTE FUNCTION public.dragoman_tally_keep();
CREATE TRIGGER dragoman_tally_removed AFTER DELETE ON public.dragoman_jobs FOR EACH ROW EXECUTE FUNCTION public.dragoman_tally_keep();
