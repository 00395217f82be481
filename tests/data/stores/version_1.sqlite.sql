PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE dragoman_jobs (
	seq INTEGER NOT NULL, 
	id VARCHAR(36) NOT NULL, 
	process_id TEXT NOT NULL, 
	process_version TEXT NOT NULL, 
	dialect TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	principal TEXT NOT NULL, 
	runtime TEXT NOT NULL, 
	request TEXT NOT NULL, 
	mode VARCHAR(8) NOT NULL, 
	priority INTEGER NOT NULL, 
	timeout FLOAT, 
	status VARCHAR(12) NOT NULL, 
	progress INTEGER NOT NULL, 
	message TEXT NOT NULL, 
	created INTEGER NOT NULL, 
	started INTEGER, 
	finished INTEGER, 
	updated INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	restarts INTEGER NOT NULL, 
	worker TEXT, 
	lease_until INTEGER, 
	outputs TEXT NOT NULL, 
	failure TEXT, 
	idempotency_key TEXT, 
	fingerprint TEXT NOT NULL, 
	PRIMARY KEY (seq), 
	UNIQUE (id)
);
INSERT INTO dragoman_jobs VALUES(1,'00000000-0000-4000-8000-000000000001','echo','1.0.0','ogc','anonymous','{"id": "anonymous", "roles": [], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"text": [{"value": "job 1"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}','async',0,7200.0,'accepted',0,'',1772366460250000,NULL,NULL,1772366460250000,0,0,NULL,NULL,'[]',NULL,NULL,'');
INSERT INTO dragoman_jobs VALUES(2,'00000000-0000-4000-8000-000000000002','echo','1.0.0','ogc','alice','{"id": "alice", "roles": ["author"], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"text": [{"value": "job 2"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}','sync',3,7200.0,'accepted',0,'',1772366520250000,NULL,NULL,1772366520250000,0,0,NULL,NULL,'[]',NULL,'accepted-key','f2');
INSERT INTO dragoman_jobs VALUES(3,'00000000-0000-4000-8000-000000000003','echo','1.0.0','ogc','anonymous','{"id": "anonymous", "roles": [], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": true, "raw": null}','async',0,7200.0,'accepted',0,'',1772366580250000,NULL,NULL,1772366580250000,0,0,NULL,NULL,'[]',NULL,NULL,'');
INSERT INTO dragoman_jobs VALUES(4,'00000000-0000-4000-8000-000000000004','echo','1.0.0','ogc','anonymous','{"id": "anonymous", "roles": [], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"text": [{"value": "job 4"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}','async',0,7200.0,'running',40,'half way',1772366640250000,1795791875392104,NULL,1795791875404692,1,0,'{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}',1795791905392104,'[]',NULL,NULL,'');
INSERT INTO dragoman_jobs VALUES(5,'00000000-0000-4000-8000-000000000005','echo','1.0.0','ogc','anonymous','{"id": "anonymous", "roles": [], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"text": [{"value": "job 5"}]}, "outputs": {"text": {"transmission": "value"}}, "response": "document", "subscriber": {"failed_uri": "http://127.0.0.1:9/failed"}, "roi": null, "spooled": false, "raw": null}','async',0,7200.0,'running',0,'',1772366700250000,1795791875416960,NULL,1795791875416960,2,1,'{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}',1795791905416960,'[]',NULL,NULL,'');
INSERT INTO dragoman_jobs VALUES(6,'00000000-0000-4000-8000-000000000006','echo','1.0.0','ogc','alice','{"id": "alice", "roles": ["author"], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"text": [{"value": "job 6"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}','async',0,7200.0,'successful',100,'',1772366760250000,1795791875419750,1795791875420060,1795791875420060,1,0,'{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}',NULL,'[{"id": "text", "media_type": "application/json", "value": "job 6", "file": null, "size": null, "items": []}, {"id": "received", "media_type": "application/json", "value": ["text=\"job 6\""], "file": null, "size": null, "items": []}]',NULL,'done-key','f6');
INSERT INTO dragoman_jobs VALUES(7,'00000000-0000-4000-8000-000000000007','echo','1.0.0','pesto','anonymous','{"id": "anonymous", "roles": [], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"image": [{"href": "https://example.org/scene.tif", "media_type": "image/tiff"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": {"targets_in": ["image"], "targets_out": ["image"], "lines": {"first": 10, "number": 20, "margin": 0}, "columns": null}, "spooled": false, "raw": null}','async',0,7200.0,'successful',100,'',1772366820250000,1795791875428003,1795791875428378,1795791875428378,1,0,'{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}',NULL,'[{"id": "image", "media_type": "image/tiff", "value": null, "file": "image.tif", "size": 5, "items": []}, {"id": "images", "media_type": "image/tiff", "value": null, "file": null, "size": null, "items": [{"id": "images", "media_type": "image/tiff", "value": null, "file": "images-0.tif", "size": 3, "items": []}, {"id": "images", "media_type": "image/tiff", "value": null, "file": null, "size": null, "items": []}]}]',NULL,NULL,'');
INSERT INTO dragoman_jobs VALUES(8,'00000000-0000-4000-8000-000000000008','echo','1.0.0','ogc','anonymous','{"id": "anonymous", "roles": [], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"text": [{"value": "job 8"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}','async',0,7200.0,'failed',0,'input ''text'': too long',1772366880250000,1795791875430347,1795791875430585,1795791875430585,1,0,'{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}',NULL,'[]','{"code": "execution-failed", "detail": "input ''text'': too long", "problems": [["text", "too long"]]}',NULL,'');
INSERT INTO dragoman_jobs VALUES(9,'00000000-0000-4000-8000-000000000009','echo','1.0.0','ogc','anonymous','{"id": "anonymous", "roles": [], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"text": [{"value": "job 9"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}','async',0,7200.0,'dismissed',0,'dismissed before it ran',1772366940250000,NULL,1795791875432555,1795791875432555,0,0,NULL,NULL,'[]',NULL,NULL,'');
INSERT INTO dragoman_jobs VALUES(10,'00000000-0000-4000-8000-000000000010','echo','1.0.0','ogc','anonymous','{"id": "anonymous", "roles": [], "admin": false}','{"kind": "package", "location": "{PROCESSES}/echo", "loader": "", "digest": "d1", "memory_limit": 2147483648}','{"inputs": {"text": [{"value": "gr\u00f6\u00dfe \u6f22\u5b57"}]}, "outputs": null, "response": "raw", "subscriber": null, "roi": null, "spooled": false, "raw": null}','async',0,7200.0,'dismissed',0,'dismissed while it ran',1772367000250000,1795791875436404,1795791875436728,1795791875436728,1,0,'{"host": "{HOST}", "boot_id": "an-earlier-boot", "pid": 4242, "start_time": 99}',NULL,'[]',NULL,NULL,'');
CREATE TABLE dragoman_tally (
	owner TEXT NOT NULL, 
	process_id TEXT NOT NULL, 
	status VARCHAR(12) NOT NULL, 
	n INTEGER NOT NULL
);
INSERT INTO dragoman_tally VALUES('anonymous','echo','accepted',2);
INSERT INTO dragoman_tally VALUES('alice','echo','accepted',1);
INSERT INTO dragoman_tally VALUES('anonymous','echo','running',2);
INSERT INTO dragoman_tally VALUES('alice','echo','running',0);
INSERT INTO dragoman_tally VALUES('alice','echo','successful',1);
INSERT INTO dragoman_tally VALUES('anonymous','echo','successful',1);
INSERT INTO dragoman_tally VALUES('anonymous','echo','failed',1);
INSERT INTO dragoman_tally VALUES('anonymous','echo','dismissed',2);
CREATE TABLE dragoman_meta (
	"key" VARCHAR(32) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO dragoman_meta VALUES('version','1');
INSERT INTO dragoman_meta VALUES('checked','0');
CREATE INDEX dragoman_jobs_status ON dragoman_jobs (status, seq);
CREATE INDEX dragoman_jobs_state ON dragoman_jobs (owner, status, seq, process_id);
CREATE INDEX dragoman_jobs_newest ON dragoman_jobs (owner, seq, status, process_id);
CREATE INDEX dragoman_jobs_process ON dragoman_jobs (process_id, seq);
CREATE UNIQUE INDEX dragoman_jobs_idempotency ON dragoman_jobs (owner, process_id, idempotency_key);
CREATE INDEX dragoman_jobs_finished ON dragoman_jobs (finished);
CREATE UNIQUE INDEX dragoman_tally_group ON dragoman_tally (owner, process_id, status);
CREATE TRIGGER dragoman_tally_added AFTER INSERT ON dragoman_jobs BEGIN INSERT INTO dragoman_tally (owner, process_id, status, n) VALUES (NEW.owner, NEW.process_id, NEW.status, 1) ON CONFLICT (owner, process_id, status) DO UPDATE SET n = n + 1; END;
CREATE TRIGGER dragoman_tally_moved AFTER UPDATE OF owner, process_id, status ON dragoman_jobs WHEN OLD.status <> NEW.status OR OLD.owner <> NEW.owner OR OLD.process_id <> NEW.process_id BEGIN UPDATE dragoman_tally SET n = n - 1 WHERE owner = OLD.owner AND process_id = OLD.process_id AND status = OLD.status; INSERT INTO dragoman_tally (owner, process_id, status, n) VALUES (NEW.owner, NEW.process_id, NEW.status, 1) ON CONFLICT (owner, process_id, status) DO UPDATE SET n = n + 1; END;
CREATE TRIGGER dragoman_tally_removed AFTER DELETE ON dragoman_jobs BEGIN UPDATE dragoman_tally SET n = n - 1 WHERE owner = OLD.owner AND process_id = OLD.process_id AND status = OLD.status; DELETE FROM dragoman_tally WHERE owner = OLD.owner AND process_id = OLD.process_id AND n = 0; END;
COMMIT;
