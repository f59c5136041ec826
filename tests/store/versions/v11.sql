-- A file of schema version 11, with a row of another provider in each table that got the column. Never edited.
PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1768124270;
PRAGMA user_version = 11;
BEGIN TRANSACTION;
CREATE TABLE audit_archived (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TABLE audit_day (
    day TEXT NOT NULL PRIMARY KEY,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "audit_day" VALUES('2026-01-05',1,33);
CREATE TABLE audit_event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    policy TEXT,
    sweep INTEGER REFERENCES sweep (id),
    request INTEGER REFERENCES request (id),
    account_id TEXT,
    login TEXT,
    detail TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
, by_id TEXT
    GENERATED ALWAYS AS (CASE WHEN json_valid(actor) THEN json_extract(actor, '$.person.id') END) VIRTUAL) STRICT;
INSERT INTO "audit_event" VALUES(1,'2026-01-05T09:00:00.000Z','"system"','sweep_started','contractors',1,NULL,NULL,NULL,'{"fingerprint":"e0e4714e68385daa","slot":"2026-01-05T09:00:00.000Z","trigger":{"slot":"2026-01-05T09:00:00Z","trigger":"schedule"}}','0000000000000000000000000000000000000000000000000000000000000000','85b032a9e36b12e0f64bad04f344b1242a629641a09a1ffef32def4495a8d2e2');
INSERT INTO "audit_event" VALUES(2,'2026-01-05T09:01:00.000Z','"system"','sweep_finished','contractors',1,NULL,NULL,NULL,'{"counts":{"active":39,"candidates":1,"exempt":0,"in_grace":0,"not_suspendable":0,"other_type":0,"population":40,"unknown":0,"waiting":0},"fingerprint":"e0e4714e68385daa","pages":1,"rule":{"break_glass":[],"exempt_attributes":[],"exempt_groups":[],"exempt_logins":["ceo@*"],"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"user_type":{"profile":"Contractor"}},"unknown":[],"verdict":"preview"}','85b032a9e36b12e0f64bad04f344b1242a629641a09a1ffef32def4495a8d2e2','7b67b2d2bbdcebff2b13111845481fa7db699a86c020d58bf986625f40b6bc1c');
INSERT INTO "audit_event" VALUES(3,'2026-01-05T09:01:00.000Z','"system"','proposed','contractors',1,1,'00ukim','kim@contractor.example','{"as":"previewed","evidence":{"idle":{"signal":"sign_in","since":"2025-11-25T09:00:00Z"},"inactive_after_s":2592000,"last_sign_in":"2025-11-25T09:00:00Z","looked_at":"2026-01-05T09:00:00Z","second_look":"not_asked"}}','7b67b2d2bbdcebff2b13111845481fa7db699a86c020d58bf986625f40b6bc1c','4cc1fa5e3cecb6436b44ad850c8c51832103de7239e2326331b0f80fe82d22bc');
INSERT INTO "audit_event" VALUES(4,'2026-01-05T09:02:00.000Z','"system"','card_posted','contractors',1,1,NULL,NULL,'{"deadline":"2026-01-05T10:02:00Z"}','4cc1fa5e3cecb6436b44ad850c8c51832103de7239e2326331b0f80fe82d22bc','b7c5e463d26e0959ad57dccb4a066ede9fa825221190dbca5813ba605e2c0e1b');
INSERT INTO "audit_event" VALUES(5,'2026-01-05T09:10:00.000Z','{"person":{"id":"Uann","name":"ann","email":"ann@example.com"}}','went_live','contractors',1,1,NULL,NULL,'{"rule":{"break_glass":[],"exempt_attributes":[],"exempt_groups":[],"exempt_logins":["ceo@*"],"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"user_type":{"profile":"Contractor"}}}','b7c5e463d26e0959ad57dccb4a066ede9fa825221190dbca5813ba605e2c0e1b','0bea6da6d68aa8bc42387fd7971420f86e0ccf47acd811c3beb02c908061b1d0');
INSERT INTO "audit_event" VALUES(6,'2026-01-05T09:00:00.000Z','"system"','sweep_started','contractors',2,NULL,NULL,NULL,'{"fingerprint":"e0e4714e68385daa","slot":"2026-01-06T09:00:00.000Z","trigger":{"slot":"2026-01-06T09:00:00Z","trigger":"schedule"}}','0bea6da6d68aa8bc42387fd7971420f86e0ccf47acd811c3beb02c908061b1d0','c27b0979a2c33a84115661429338fb60e4b0155488580d7af4ae22cf8108fb58');
INSERT INTO "audit_event" VALUES(7,'2026-01-05T09:01:00.000Z','"system"','sweep_finished','contractors',2,NULL,NULL,NULL,'{"counts":{"active":38,"candidates":2,"exempt":0,"in_grace":0,"not_suspendable":0,"other_type":0,"population":40,"unknown":0,"waiting":0},"fingerprint":"e0e4714e68385daa","pages":1,"rule":{"break_glass":[],"exempt_attributes":[],"exempt_groups":[],"exempt_logins":["ceo@*"],"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"user_type":{"profile":"Contractor"}},"unknown":[],"verdict":"ask"}','c27b0979a2c33a84115661429338fb60e4b0155488580d7af4ae22cf8108fb58','4c922ff072cc3f79d8700026793c08c64d2addabc5760a1a9aed9c79b7a28582');
INSERT INTO "audit_event" VALUES(8,'2026-01-05T09:01:00.000Z','"system"','proposed','contractors',2,2,'00ukim','kim@contractor.example','{"as":"proposed","evidence":{"idle":{"signal":"sign_in","since":"2025-11-25T09:00:00Z"},"inactive_after_s":2592000,"last_sign_in":"2025-11-25T09:00:00Z","looked_at":"2026-01-05T09:00:00Z","second_look":"not_asked"}}','4c922ff072cc3f79d8700026793c08c64d2addabc5760a1a9aed9c79b7a28582','454a7749fdcf7e6380754757bc18ec902a3005089e3a2dd52946b2fcf7e0ab00');
INSERT INTO "audit_event" VALUES(9,'2026-01-05T09:01:00.000Z','"system"','proposed','contractors',2,2,'00ulee','lee@contractor.example','{"as":"proposed","evidence":{"idle":{"signal":"sign_in","since":"2025-11-25T09:00:00Z"},"inactive_after_s":2592000,"last_sign_in":"2025-11-25T09:00:00Z","looked_at":"2026-01-05T09:00:00Z","second_look":"not_asked"}}','454a7749fdcf7e6380754757bc18ec902a3005089e3a2dd52946b2fcf7e0ab00','e1996a39ee30da23a078e90c9b387640381aba627d700406f5da82a627acf3d4');
INSERT INTO "audit_event" VALUES(10,'2026-01-05T09:02:00.000Z','"system"','card_posted','contractors',2,2,NULL,NULL,'{"deadline":"2026-01-05T10:02:00Z"}','e1996a39ee30da23a078e90c9b387640381aba627d700406f5da82a627acf3d4','de34fbaeb8e50eaa9ab27324fef4795501074c801ba4d7910c9afb187fb7fadc');
INSERT INTO "audit_event" VALUES(11,'2026-01-05T09:10:00.000Z','{"person":{"id":"Uann","name":"ann","email":"ann@example.com"}}','approved','contractors',2,2,NULL,NULL,'{"deadline":"2026-01-05T10:02:00Z","kept":1,"list_hash":"03e97f125eabb357","reason":null,"seconds_to_decide":540,"selected":1}','de34fbaeb8e50eaa9ab27324fef4795501074c801ba4d7910c9afb187fb7fadc','465298598fed43bc1189942e335f9605b8055892aae2b1a79018791372ddbe45');
INSERT INTO "audit_event" VALUES(12,'2026-01-05T09:10:00.000Z','{"person":{"id":"Uann","name":"ann","email":"ann@example.com"}}','kept','contractors',2,2,'00ulee','lee@contractor.example','{"reason":null}','465298598fed43bc1189942e335f9605b8055892aae2b1a79018791372ddbe45','e5a8b5eac6378d5a02146293b975e31ec732d2faff0ebcf321d10541e5f1a83e');
INSERT INTO "audit_event" VALUES(13,'2026-01-05T09:11:00.000Z','{"person":{"id":"Ubob","name":"bob","email":"bob@example.com"}}','input_refused','contractors',2,2,NULL,NULL,'{"verb":"deny","why":{"already_decided":{"by_you":false,"state":{"decision":{"at":"2026-01-05T09:10:00Z","by":{"email":"ann@example.com","id":"Uann","name":"ann"},"reason":null},"state":"approved"}}}}','e5a8b5eac6378d5a02146293b975e31ec732d2faff0ebcf321d10541e5f1a83e','1d8bb3793f7f792699efb9e66bae835990c33af613a5e5aff7b6c8d9de53b73d');
INSERT INTO "audit_event" VALUES(14,'2026-01-05T09:12:00.000Z','"system"','suspension_intended','contractors',2,2,'00ukim','kim@contractor.example','{"attempt":1,"status_changed":"2026-01-05T07:30:00Z"}','1d8bb3793f7f792699efb9e66bae835990c33af613a5e5aff7b6c8d9de53b73d','5a589975f6582e3c641b566eb4bb4d7aadc2553e28086d32c659791f9ab73fbb');
INSERT INTO "audit_event" VALUES(15,'2026-01-05T09:12:00.000Z','"system"','suspended','contractors',2,2,'00ukim','kim@contractor.example','{"attempts":1,"confirmation":"by_call"}','5a589975f6582e3c641b566eb4bb4d7aadc2553e28086d32c659791f9ab73fbb','bbd58d8bf5557a5069be674ad636970b4d29ceed22f4459ea38f70df9c9a1ed6');
INSERT INTO "audit_event" VALUES(16,'2026-01-05T09:13:00.000Z','"system"','completed','contractors',2,2,NULL,NULL,'{"failed":0,"kept":1,"skipped":0,"suspended":1}','bbd58d8bf5557a5069be674ad636970b4d29ceed22f4459ea38f70df9c9a1ed6','b3c52829f7d61430bcad676b3ed73e4ca7cad3b4caaa7badfd20914cc2f0ecdf');
INSERT INTO "audit_event" VALUES(17,'2026-01-05T09:00:00.000Z','"system"','sweep_started','contractors',3,NULL,NULL,NULL,'{"fingerprint":"e0e4714e68385daa","slot":"2026-01-07T09:00:00.000Z","trigger":{"slot":"2026-01-07T09:00:00Z","trigger":"schedule"}}','b3c52829f7d61430bcad676b3ed73e4ca7cad3b4caaa7badfd20914cc2f0ecdf','619b801c706f8f9aac6065ac123cf0c783031907e746035abbebec2ea1894069');
INSERT INTO "audit_event" VALUES(18,'2026-01-05T09:01:00.000Z','"system"','sweep_finished','contractors',3,NULL,NULL,NULL,'{"counts":{"active":38,"candidates":2,"exempt":0,"in_grace":0,"not_suspendable":0,"other_type":0,"population":40,"unknown":0,"waiting":0},"fingerprint":"e0e4714e68385daa","pages":1,"rule":{"break_glass":[],"exempt_attributes":[],"exempt_groups":[],"exempt_logins":["ceo@*"],"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"user_type":{"profile":"Contractor"}},"unknown":[],"verdict":"ask"}','619b801c706f8f9aac6065ac123cf0c783031907e746035abbebec2ea1894069','8c338e6b893c1f5116d517a0c4e5d5600ec55c0cc7b8a16eef890edab8247268');
INSERT INTO "audit_event" VALUES(19,'2026-01-05T09:01:00.000Z','"system"','proposed','contractors',3,3,'00umax','max@contractor.example','{"as":"proposed","evidence":{"idle":{"signal":"sign_in","since":"2025-11-25T09:00:00Z"},"inactive_after_s":2592000,"last_sign_in":"2025-11-25T09:00:00Z","looked_at":"2026-01-05T09:00:00Z","second_look":"not_asked"}}','8c338e6b893c1f5116d517a0c4e5d5600ec55c0cc7b8a16eef890edab8247268','9947526895c3898b38e3cb218b392fd6f74e771a7e46a0d228e61ebbca9b664b');
INSERT INTO "audit_event" VALUES(20,'2026-01-05T09:01:00.000Z','"system"','proposed','contractors',3,3,'00uzoe','zoe@contractor.example','{"as":"proposed","evidence":{"idle":{"signal":"sign_in","since":"2025-11-25T09:00:00Z"},"inactive_after_s":2592000,"last_sign_in":"2025-11-25T09:00:00Z","looked_at":"2026-01-05T09:00:00Z","second_look":"not_asked"}}','9947526895c3898b38e3cb218b392fd6f74e771a7e46a0d228e61ebbca9b664b','878b51a4745e344ae8638aee53ae9898652a80c81bf7d6ead1f0b5cf51e3a671');
INSERT INTO "audit_event" VALUES(21,'2026-01-05T09:02:00.000Z','"system"','card_posted','contractors',3,3,NULL,NULL,'{"deadline":"2026-01-05T10:02:00Z"}','878b51a4745e344ae8638aee53ae9898652a80c81bf7d6ead1f0b5cf51e3a671','02a7f92e1e5eb5e3c2131e581f63ee34a652f2cddb63c3a1dc968116d058325d');
INSERT INTO "audit_event" VALUES(22,'2026-01-05T09:10:00.000Z','{"person":{"id":"Uann","name":"ann","email":"ann@example.com"}}','approved','contractors',3,3,NULL,NULL,'{"deadline":"2026-01-05T10:02:00Z","kept":0,"list_hash":"241923650286ce81","reason":null,"seconds_to_decide":540,"selected":2}','02a7f92e1e5eb5e3c2131e581f63ee34a652f2cddb63c3a1dc968116d058325d','f84fee4f9371e8ab9bce1cf9e9c8a04822322b1f70231ffe05d00e49f2270fe0');
INSERT INTO "audit_event" VALUES(23,'2026-01-05T09:12:00.000Z','"system"','suspension_failed','contractors',3,3,'00uzoe','zoe@contractor.example','{"attempts":0,"error":"E0000001"}','f84fee4f9371e8ab9bce1cf9e9c8a04822322b1f70231ffe05d00e49f2270fe0','9b8fda1285dfaac112061ca238b32e68e013fb82f740de5a8f8d0541b26cc334');
INSERT INTO "audit_event" VALUES(24,'2026-01-05T09:00:00.000Z','"system"','sweep_started','contractors',4,NULL,NULL,NULL,'{"fingerprint":"e0e4714e68385daa","slot":"2026-01-08T09:00:00.000Z","trigger":{"slot":"2026-01-08T09:00:00Z","trigger":"schedule"}}','9b8fda1285dfaac112061ca238b32e68e013fb82f740de5a8f8d0541b26cc334','3b60119e5877a4ca0ae012e039368fa5b133336838973298c17530b0e51f7bbe');
INSERT INTO "audit_event" VALUES(25,'2026-01-05T09:01:00.000Z','"system"','sweep_finished','contractors',4,NULL,NULL,NULL,'{"counts":{"active":39,"candidates":1,"exempt":0,"in_grace":0,"not_suspendable":0,"other_type":0,"population":40,"unknown":0,"waiting":0},"fingerprint":"e0e4714e68385daa","pages":1,"rule":{"break_glass":[],"exempt_attributes":[],"exempt_groups":[],"exempt_logins":["ceo@*"],"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"user_type":{"profile":"Contractor"}},"unknown":[],"verdict":"ask"}','3b60119e5877a4ca0ae012e039368fa5b133336838973298c17530b0e51f7bbe','e44199ac62d439b407e13cdaa71a9c0633fe0ee70794b637002fa8491ba1ae3b');
INSERT INTO "audit_event" VALUES(26,'2026-01-05T09:01:00.000Z','"system"','proposed','contractors',4,4,'00ulee','lee@contractor.example','{"as":"proposed","evidence":{"idle":{"signal":"sign_in","since":"2025-11-25T09:00:00Z"},"inactive_after_s":2592000,"last_sign_in":"2025-11-25T09:00:00Z","looked_at":"2026-01-05T09:00:00Z","second_look":"not_asked"}}','e44199ac62d439b407e13cdaa71a9c0633fe0ee70794b637002fa8491ba1ae3b','2002bf9ac10be324245f70ff0789ec938869a393e206e3b6c9bd1f66e32faac0');
INSERT INTO "audit_event" VALUES(27,'2026-01-05T09:02:00.000Z','"system"','card_posted','contractors',4,4,NULL,NULL,'{"deadline":"2026-01-05T10:02:00Z"}','2002bf9ac10be324245f70ff0789ec938869a393e206e3b6c9bd1f66e32faac0','f9c252cf02ee4aa32d8cf0e0035e2503005a46dbeb14a7bd77bc58ce819a06a9');
INSERT INTO "audit_event" VALUES(28,'2026-01-05T10:02:00.000Z','"system"','expired','contractors',4,4,NULL,NULL,'{"deadline":"2026-01-05T10:02:00Z"}','f9c252cf02ee4aa32d8cf0e0035e2503005a46dbeb14a7bd77bc58ce819a06a9','ea8d08ce68284d6712e3422e647f3ee8e4dd169f58bbdb60bd3d0de4d9466d64');
INSERT INTO "audit_event" VALUES(29,'2026-01-05T09:00:00.000Z','"system"','sweep_started','contractors',5,NULL,NULL,NULL,'{"fingerprint":"e0e4714e68385daa","slot":"2026-01-09T09:00:00.000Z","trigger":{"slot":"2026-01-09T09:00:00Z","trigger":"schedule"}}','ea8d08ce68284d6712e3422e647f3ee8e4dd169f58bbdb60bd3d0de4d9466d64','5996c584c38b33be541815f84383cb46c762cc84bb608a1d646795a258ba3a1f');
INSERT INTO "audit_event" VALUES(30,'2026-01-05T09:01:00.000Z','"system"','sweep_held','contractors',5,NULL,NULL,NULL,'{"counts":{"active":39,"candidates":1,"exempt":0,"in_grace":0,"not_suspendable":0,"other_type":0,"population":40,"unknown":0,"waiting":0},"fingerprint":"e0e4714e68385daa","pages":1,"rule":{"break_glass":[],"exempt_attributes":[],"exempt_groups":[],"exempt_logins":["ceo@*"],"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"user_type":{"profile":"Contractor"}},"unknown":[],"verdict":{"held":{"too_many":{"candidates":1,"max":0}}}}','5996c584c38b33be541815f84383cb46c762cc84bb608a1d646795a258ba3a1f','02930628053ce93fdd678f37075e8d99dffa9d82873eb104eb956766197f6dbe');
INSERT INTO "audit_event" VALUES(31,'2026-01-05T09:01:00.000Z','"system"','proposed','contractors',5,5,'00uivy','ivy@contractor.example','{"as":"proposed","evidence":{"idle":{"signal":"sign_in","since":"2025-11-25T09:00:00Z"},"inactive_after_s":2592000,"last_sign_in":"2025-11-25T09:00:00Z","looked_at":"2026-01-05T09:00:00Z","second_look":"not_asked"}}','02930628053ce93fdd678f37075e8d99dffa9d82873eb104eb956766197f6dbe','f6fee447f51b9281b2c77e7d08e56c3ef3e9970ed3468c644372e5b751169157');
INSERT INTO "audit_event" VALUES(32,'2026-01-05T09:00:00.000Z','"system"','sweep_started','contractors',6,NULL,NULL,NULL,'{"fingerprint":"e0e4714e68385daa","slot":"2026-01-10T09:00:00.000Z","trigger":{"slot":"2026-01-10T09:00:00Z","trigger":"schedule"}}','f6fee447f51b9281b2c77e7d08e56c3ef3e9970ed3468c644372e5b751169157','1565665c0fb8deb29f21024624f977a3e43c8fb7b71d6acf5e19d0546ed5a48c');
INSERT INTO "audit_event" VALUES(33,'2026-01-05T09:03:00.000Z','"system"','sweep_failed','contractors',6,NULL,NULL,NULL,'{"error":"page 2 of the listing failed"}','1565665c0fb8deb29f21024624f977a3e43c8fb7b71d6acf5e19d0546ed5a48c','60a8e661897024fdaefc75009c6303e14ba5acd89ef11bc4cb983600ee8f2512');
CREATE TABLE audit_subject (
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    PRIMARY KEY (account_id, login)
) STRICT, WITHOUT ROWID;
INSERT INTO "audit_subject" VALUES('00uivy','ivy@contractor.example');
INSERT INTO "audit_subject" VALUES('00ukim','kim@contractor.example');
INSERT INTO "audit_subject" VALUES('00ulee','lee@contractor.example');
INSERT INTO "audit_subject" VALUES('00umax','max@contractor.example');
INSERT INTO "audit_subject" VALUES('00uzoe','zoe@contractor.example');
CREATE TABLE candidate (
    request INTEGER NOT NULL REFERENCES request (id),
    position INTEGER NOT NULL,
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    shown TEXT NOT NULL,
    state TEXT NOT NULL,
    state_json TEXT NOT NULL,
    PRIMARY KEY (request, position)
) STRICT;
INSERT INTO "candidate" VALUES(1,0,'00ukim','kim@contractor.example','{"id":"00ukim","login":"kim@contractor.example","name":"kim","email":null,"manager":null,"organization":null,"evidence":{"idle":{"since":"2025-11-25T09:00:00Z","signal":"sign_in"},"last_sign_in":"2025-11-25T09:00:00Z","second_look":"not_asked","inactive_after_s":2592000,"looked_at":"2026-01-05T09:00:00Z"},"pending_sweeps":0}','previewed','{"state":"previewed"}');
INSERT INTO "candidate" VALUES(2,0,'00ukim','kim@contractor.example','{"id":"00ukim","login":"kim@contractor.example","name":"kim","email":null,"manager":null,"organization":null,"evidence":{"idle":{"since":"2025-11-25T09:00:00Z","signal":"sign_in"},"last_sign_in":"2025-11-25T09:00:00Z","second_look":"not_asked","inactive_after_s":2592000,"looked_at":"2026-01-05T09:00:00Z"},"pending_sweeps":0}','suspended','{"state":"suspended","at":"2026-01-05T09:12:00Z","confirmation":"by_call"}');
INSERT INTO "candidate" VALUES(2,1,'00ulee','lee@contractor.example','{"id":"00ulee","login":"lee@contractor.example","name":"lee","email":null,"manager":null,"organization":null,"evidence":{"idle":{"since":"2025-11-25T09:00:00Z","signal":"sign_in"},"last_sign_in":"2025-11-25T09:00:00Z","second_look":"not_asked","inactive_after_s":2592000,"looked_at":"2026-01-05T09:00:00Z"},"pending_sweeps":0}','kept','{"state":"kept","by":{"id":"Uann","name":"ann","email":"ann@example.com"}}');
INSERT INTO "candidate" VALUES(3,0,'00umax','max@contractor.example','{"id":"00umax","login":"max@contractor.example","name":"max","email":null,"manager":null,"organization":null,"evidence":{"idle":{"since":"2025-11-25T09:00:00Z","signal":"sign_in"},"last_sign_in":"2025-11-25T09:00:00Z","second_look":"not_asked","inactive_after_s":2592000,"looked_at":"2026-01-05T09:00:00Z"},"pending_sweeps":0}','due','{"state":"due","attempts":0,"not_before":null,"status_changed":null}');
INSERT INTO "candidate" VALUES(3,1,'00uzoe','zoe@contractor.example','{"id":"00uzoe","login":"zoe@contractor.example","name":"zoe","email":null,"manager":null,"organization":null,"evidence":{"idle":{"since":"2025-11-25T09:00:00Z","signal":"sign_in"},"last_sign_in":"2025-11-25T09:00:00Z","second_look":"not_asked","inactive_after_s":2592000,"looked_at":"2026-01-05T09:00:00Z"},"pending_sweeps":0}','failed','{"state":"failed","at":"2026-01-05T09:12:00Z","error":"E0000001","attempts":0}');
INSERT INTO "candidate" VALUES(4,0,'00ulee','lee@contractor.example','{"id":"00ulee","login":"lee@contractor.example","name":"lee","email":null,"manager":null,"organization":null,"evidence":{"idle":{"since":"2025-11-25T09:00:00Z","signal":"sign_in"},"last_sign_in":"2025-11-25T09:00:00Z","second_look":"not_asked","inactive_after_s":2592000,"looked_at":"2026-01-05T09:00:00Z"},"pending_sweeps":0}','dropped','{"state":"dropped"}');
INSERT INTO "candidate" VALUES(5,0,'00uivy','ivy@contractor.example','{"id":"00uivy","login":"ivy@contractor.example","name":"ivy","email":null,"manager":null,"organization":null,"evidence":{"idle":{"since":"2025-11-25T09:00:00Z","signal":"sign_in"},"last_sign_in":"2025-11-25T09:00:00Z","second_look":"not_asked","inactive_after_s":2592000,"looked_at":"2026-01-05T09:00:00Z"},"pending_sweeps":0}','proposed','{"state":"proposed"}');
CREATE TABLE digest (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL REFERENCES policy (name),
    slot TEXT NOT NULL,
    since TEXT NOT NULL,
    until TEXT NOT NULL CHECK (until > since),
    UNIQUE (policy, slot)
) STRICT;
INSERT INTO "digest" VALUES(1,'contractors','2026-01-05T09:00:00.000Z','2025-12-29T09:00:00.000Z','2026-01-05T09:00:00.000Z');
CREATE TABLE exemption (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    policy TEXT NOT NULL REFERENCES policy (name),
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    granted_at TEXT NOT NULL,
    starts_at TEXT NOT NULL,
    ends_at TEXT NOT NULL CHECK (ends_at > starts_at),
    ended_at TEXT,
    ended TEXT,
    -- The first exemption of those whose end one message announces.
    notice INTEGER REFERENCES exemption (id), provider TEXT NOT NULL DEFAULT 'okta') STRICT;
INSERT INTO "exemption" VALUES(1,'k1','contractors','00ukim','kim@contractor.example','{"id":"Uann","name":"ann","email":"ann@example.com"}','leave','2026-01-05T09:00:00.000Z','2026-01-05T09:00:00.000Z','2026-02-05T09:00:00.000Z',NULL,NULL,NULL,'okta');
INSERT INTO "exemption" VALUES(2,'k2','contractors','00ulee','lee@contractor.example','{"id":"Uann","name":"ann","email":"ann@example.com"}','leave','2026-01-05T09:00:00.000Z','2026-01-05T09:00:00.000Z','2026-01-06T09:00:00.000Z','2026-01-06T09:00:00.000Z','"lapsed"',2,'entra');
CREATE TABLE forwarded (
    collector TEXT NOT NULL PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "forwarded" VALUES('file',7);
CREATE TABLE home (
    user_id TEXT NOT NULL PRIMARY KEY,
    opened_at TEXT NOT NULL,
    -- Counts what the person did that calls for a fresh page, and which of that the page has seen.
    asked INTEGER NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0,
    -- The state of things when the page was last looked at, and what it shows.
    seen TEXT,
    shown TEXT,
    published_at TEXT,
    retry_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "home" VALUES('Uann','2026-01-05T09:00:00.000Z',2,1,'33 Connected None','0123456789abcdef','2026-01-05T09:00:01.000Z',NULL,0);
CREATE TABLE lineage (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL CHECK (length(id) = 32),
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    epoch_began TEXT,
    -- Used before databases had ids: buttons without one may be its own.
    migrated INTEGER NOT NULL CHECK (migrated IN (0, 1)),
    -- What an admin has seen and left behind, as JSON.
    acknowledged TEXT NOT NULL DEFAULT '[]',
    -- Up to these numbers requests and restorations belong to an earlier epoch.
    last_request INTEGER NOT NULL DEFAULT 0,
    last_restoration INTEGER NOT NULL DEFAULT 0,
    -- Why nothing is executed, as JSON.
    stopped TEXT
) STRICT;
INSERT INTO "lineage" VALUES(1,'0123456789abcdef0123456789abcdef',2,'2026-01-05T09:30:00.000Z',1,'[{"database":{"id":"0123456789abcdef0123456789abcdef","epoch":1},"head":{"event":12,"hash":"e5a8b5eac6378d5a02146293b975e31ec732d2faff0ebcf321d10541e5f1a83e"}}]',2,1,NULL);
CREATE TABLE message (
    key TEXT NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    thread TEXT,
    ts TEXT,
    tried_at TEXT,
    rendered TEXT,
    render_again_at TEXT,
    retry_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    page INTEGER NOT NULL DEFAULT 0
, frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)), kind TEXT, subject INTEGER CHECK ((subject IS NULL) = (kind IS NULL)), due_at TEXT CHECK (due_at IS NULL OR kind IS NOT NULL)) STRICT;
INSERT INTO "message" VALUES('card:1','C1',NULL,'17000.1',NULL,'v0',NULL,NULL,0,0,0,NULL,NULL,NULL);
INSERT INTO "message" VALUES('card:2','C1',NULL,'17000.2',NULL,'v0',NULL,NULL,0,0,0,NULL,NULL,NULL);
INSERT INTO "message" VALUES('card:3','C1',NULL,'17000.3',NULL,'v0',NULL,NULL,0,0,0,NULL,NULL,NULL);
INSERT INTO "message" VALUES('card:4','C1',NULL,'17000.4',NULL,'v0',NULL,NULL,0,0,1,NULL,NULL,NULL);
INSERT INTO "message" VALUES('pause:1:began','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'pause',1,'2026-11-24T10:00:00.000Z');
INSERT INTO "message" VALUES('digest:1','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'digest',1,'2026-01-05T09:00:00.000Z');
INSERT INTO "message" VALUES('missed:1','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'missed',1,'2026-01-05T10:12:00.000Z');
INSERT INTO "message" VALUES('sweep:1:notice','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'sweep',1,'2026-01-05T09:01:00.000Z');
INSERT INTO "message" VALUES('sweep:2:notice','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'sweep',2,'2026-01-05T09:01:00.000Z');
INSERT INTO "message" VALUES('sweep:3:notice','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'sweep',3,'2026-01-05T09:01:00.000Z');
INSERT INTO "message" VALUES('sweep:4:notice','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'sweep',4,'2026-01-05T09:01:00.000Z');
INSERT INTO "message" VALUES('sweep:5:notice','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'sweep',5,'2026-01-05T09:01:00.000Z');
INSERT INTO "message" VALUES('sweep:6:notice','',NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,'sweep',6,'2026-01-05T09:03:00.000Z');
INSERT INTO "message" VALUES('restoration:1','C1',NULL,'17000.5',NULL,'v0',NULL,NULL,0,0,0,'restoration',1,NULL);
CREATE TABLE nudge (
    request INTEGER NOT NULL REFERENCES request (id),
    stage TEXT NOT NULL,
    begun_at TEXT NOT NULL,
    told_at TEXT,
    PRIMARY KEY (request, stage)
) STRICT;
INSERT INTO "nudge" VALUES(5,'reminder:2026-01-02T03:04:05Z','2026-01-02T03:04:05.000Z',NULL);
CREATE TABLE pause (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL,
    began TEXT NOT NULL,
    ended TEXT) STRICT;
INSERT INTO "pause" VALUES(1,'contractors','{"by": {"id": "Uroot", "name": "root", "email": "root@corp.example"}, "at": "2026-11-24T10:00:00Z", "reason": "the import is wrong"}',NULL);
CREATE TABLE policy (
    name TEXT NOT NULL PRIMARY KEY,
    first_seen_at TEXT NOT NULL,
    live_rule TEXT,
    live_by TEXT,
    live_at TEXT
) STRICT;
INSERT INTO "policy" VALUES('contractors','2026-01-05T09:00:00.000Z','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','{"id":"Uann","name":"ann","email":"ann@example.com"}','2026-01-05T09:10:00.000Z');
CREATE TABLE question (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request INTEGER NOT NULL REFERENCES request (id),
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('person', 'manager')),
    state TEXT NOT NULL,
    state_json TEXT NOT NULL,
    UNIQUE (request, account_id, role)
) STRICT;
INSERT INTO "question" VALUES(1,2,'00ukim','kim@contractor.example','person','asked','{"state":"asked","user":"Ukim","address":"kim@contractor.example","at":"2026-01-05T09:03:00Z","answered":{"by":{"id":"Ukim","name":"kim","email":"kim@contractor.example"},"answer":"needed","at":"2026-01-05T09:04:00Z"}}');
CREATE TABLE receipt (
    key TEXT NOT NULL PRIMARY KEY,
    request INTEGER,
    user_id TEXT NOT NULL,
    received_at TEXT NOT NULL,
    settled_at TEXT,
    outcome TEXT
) STRICT;
INSERT INTO "receipt" VALUES('live',1,'Uann','2026-01-05T09:10:00.000Z','2026-01-05T09:10:00.000Z','went_live');
INSERT INTO "receipt" VALUES('a',2,'Uann','2026-01-05T09:10:00.000Z','2026-01-05T09:10:00.000Z','approved');
INSERT INTO "receipt" VALUES('b',2,'Ubob','2026-01-05T09:11:00.000Z','2026-01-05T09:11:00.000Z','refused: already_decided');
INSERT INTO "receipt" VALUES('k3',3,'Uann','2026-01-05T09:10:00.000Z','2026-01-05T09:10:00.000Z','approved');
INSERT INTO "receipt" VALUES('lost',3,'Uann','2026-01-05T09:30:00.000Z',NULL,NULL);
CREATE TABLE request (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sweep INTEGER NOT NULL UNIQUE REFERENCES sweep (id),
    policy TEXT NOT NULL REFERENCES policy (name),
    channel TEXT NOT NULL,
    rule TEXT NOT NULL,
    list_hash TEXT NOT NULL,
    swept_by TEXT,
    created_at TEXT NOT NULL,
    answer_within_s INTEGER NOT NULL,
    deadline TEXT,
    release TEXT,
    state TEXT NOT NULL,
    state_json TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1))
, approvals_needed INTEGER NOT NULL DEFAULT 1 CHECK (approvals_needed >= 1), asked_again TEXT, provider TEXT NOT NULL DEFAULT 'okta') STRICT;
INSERT INTO "request" VALUES(1,1,'contractors','C1','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','a191304f8858d98d',NULL,'2026-01-05T09:01:00.000Z',3600,'2026-01-05T10:02:00.000Z',NULL,'went_live','{"state":"went_live","decision":{"by":{"id":"Uann","name":"ann","email":"ann@example.com"},"at":"2026-01-05T09:10:00Z","reason":null}}',2,0,1,NULL,'okta');
INSERT INTO "request" VALUES(2,2,'contractors','C1','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','03e97f125eabb357',NULL,'2026-01-05T09:01:00.000Z',3600,'2026-01-05T10:02:00.000Z',NULL,'completed','{"state":"completed","decision":{"by":{"id":"Uann","name":"ann","email":"ann@example.com"},"at":"2026-01-05T09:10:00Z","reason":null},"at":"2026-01-05T09:13:00Z"}',3,0,1,NULL,'okta');
INSERT INTO "request" VALUES(3,3,'contractors','C1','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','241923650286ce81',NULL,'2026-01-05T09:01:00.000Z',3600,'2026-01-05T10:02:00.000Z',NULL,'approved','{"state":"approved","decision":{"by":{"id":"Uann","name":"ann","email":"ann@example.com"},"at":"2026-01-05T09:10:00Z","reason":null}}',2,0,1,NULL,'okta');
INSERT INTO "request" VALUES(4,4,'contractors','C1','{"provider":"entra","user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','4851476d0a71c717',NULL,'2026-01-05T09:01:00.000Z',3600,'2026-01-05T10:02:00.000Z',NULL,'expired','{"state":"expired","at":"2026-01-05T10:02:00Z"}',2,0,2,'{"decision":{"by":{"id":"Uann","name":"ann","email":"ann@corp.example"},"at":"2026-01-02T03:04:05Z","reason":null},"became":"nothing"}','entra');
INSERT INTO "request" VALUES(5,5,'contractors','C1','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','ad5010e214ea0c22',NULL,'2026-01-05T09:01:00.000Z',3600,NULL,NULL,'held','{"state":"held","guard":{"too_many":{"candidates":1,"max":0}}}',0,0,1,NULL,'okta');
CREATE TABLE restoration (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    policy TEXT NOT NULL REFERENCES policy (name),
    request INTEGER REFERENCES request (id),
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    name TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    state TEXT NOT NULL,
    state_json TEXT NOT NULL, provider TEXT NOT NULL DEFAULT 'okta') STRICT;
INSERT INTO "restoration" VALUES(1,'k3','contractors',2,'00ukim','kim@contractor.example','kim','{"id":"Uann","name":"ann","email":"ann@example.com"}','back','2026-01-05T10:00:00.000Z','restored','{"state":"restored","at":"2026-01-05T10:00:01.000Z","confirmation":"by_call"}','entra');
CREATE TABLE review (
    request INTEGER NOT NULL REFERENCES request (id),
    person TEXT NOT NULL,
    draft TEXT NOT NULL,
    PRIMARY KEY (request, person)
) STRICT;
INSERT INTO "review" VALUES(5,'Uann','{"keep":[0],"until":{},"own":[],"reason":"on leave","search":"","sort":"longest_idle","page":0,"generation":1,"stamp":"1700000000.000100","chosen_at":"2026-01-05T09:02:00Z","resumed":null}');
CREATE TABLE sighting (
    account_id TEXT NOT NULL PRIMARY KEY,
    -- The latest sign of life, and what it was.
    seen_at TEXT,
    sign TEXT,
    -- The log has been read without a gap between these.
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    CHECK (seen_at IS NOT NULL OR sign IS NULL)
) STRICT, WITHOUT ROWID;
INSERT INTO "sighting" VALUES('00ukim','2025-11-25T09:00:00.000Z','{"way":"app","event":"user.authentication.sso","app":"Payroll"}','2025-10-08T09:00:00.000Z','2026-01-05T09:00:00.000Z');
CREATE TABLE sweep (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    policy TEXT NOT NULL REFERENCES policy (name),
    slot TEXT NOT NULL,
    cause TEXT NOT NULL,
    started_at TEXT NOT NULL,
    rule TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    finished_at TEXT,
    counts TEXT,
    verdict TEXT,
    pages INTEGER,
    error TEXT,
    by_email TEXT,
    UNIQUE (policy, slot)
) STRICT;
INSERT INTO "sweep" VALUES(1,'contractors','2026-01-05T09:00:00.000Z','{"trigger":"schedule","slot":"2026-01-05T09:00:00Z"}','2026-01-05T09:00:00.000Z','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','e0e4714e68385daa','finished','2026-01-05T09:01:00.000Z','{"population":40,"candidates":1,"waiting":0,"active":39,"in_grace":0,"exempt":0,"not_suspendable":0,"unknown":0,"other_type":0}','"preview"',1,NULL,NULL);
INSERT INTO "sweep" VALUES(2,'contractors','2026-01-06T09:00:00.000Z','{"trigger":"schedule","slot":"2026-01-06T09:00:00Z"}','2026-01-05T09:00:00.000Z','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','e0e4714e68385daa','finished','2026-01-05T09:01:00.000Z','{"population":40,"candidates":2,"waiting":0,"active":38,"in_grace":0,"exempt":0,"not_suspendable":0,"unknown":0,"other_type":0}','"ask"',1,NULL,NULL);
INSERT INTO "sweep" VALUES(3,'contractors','2026-01-07T09:00:00.000Z','{"trigger":"schedule","slot":"2026-01-07T09:00:00Z"}','2026-01-05T09:00:00.000Z','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','e0e4714e68385daa','finished','2026-01-05T09:01:00.000Z','{"population":40,"candidates":2,"waiting":0,"active":38,"in_grace":0,"exempt":0,"not_suspendable":0,"unknown":0,"other_type":0}','"ask"',1,NULL,NULL);
INSERT INTO "sweep" VALUES(4,'contractors','2026-01-08T09:00:00.000Z','{"trigger":"schedule","slot":"2026-01-08T09:00:00Z"}','2026-01-05T09:00:00.000Z','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','e0e4714e68385daa','finished','2026-01-05T09:01:00.000Z','{"population":40,"candidates":1,"waiting":0,"active":39,"in_grace":0,"exempt":0,"not_suspendable":0,"unknown":0,"other_type":0}','"ask"',1,NULL,NULL);
INSERT INTO "sweep" VALUES(5,'contractors','2026-01-09T09:00:00.000Z','{"trigger":"schedule","slot":"2026-01-09T09:00:00Z"}','2026-01-05T09:00:00.000Z','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','e0e4714e68385daa','held','2026-01-05T09:01:00.000Z','{"population":40,"candidates":1,"waiting":0,"active":39,"in_grace":0,"exempt":0,"not_suspendable":0,"unknown":0,"other_type":0}','{"held":{"too_many":{"candidates":1,"max":0}}}',1,NULL,'[{"id":"eve","login":"eve@example.com"}]');
INSERT INTO "sweep" VALUES(6,'contractors','2026-01-10T09:00:00.000Z','{"trigger":"schedule","slot":"2026-01-10T09:00:00Z"}','2026-01-05T09:00:00.000Z','{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}','e0e4714e68385daa','failed','2026-01-05T09:03:00.000Z',NULL,NULL,NULL,'page 2 of the listing failed',NULL);
CREATE TABLE watch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request INTEGER NOT NULL,
    position INTEGER NOT NULL,
    policy TEXT NOT NULL REFERENCES policy (name),
    account_id TEXT NOT NULL,
    login TEXT NOT NULL,
    suspended_at TEXT NOT NULL,
    -- Null: at the next sweep, or over.
    next_at TEXT,
    looked_at TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    ended_at TEXT,
    ended TEXT,
    -- The first watch of those that one message tells of.
    batch INTEGER REFERENCES watch (id),
    checked_at TEXT, missed TEXT, provider TEXT NOT NULL DEFAULT 'okta',
    UNIQUE (request, position),
    FOREIGN KEY (request, position) REFERENCES candidate (request, position),
    CHECK ((ended_at IS NULL) = (ended IS NULL))
) STRICT;
INSERT INTO "watch" VALUES(1,2,0,'contractors','00ukim','kim@contractor.example','2026-01-05T09:12:00.000Z',NULL,'2026-01-05T10:12:00.000Z',0,'2026-01-05T11:00:00.000Z','{"end":"back","by":{"by":"import","source":"HR"},"at":"2026-01-05T10:30:00Z","what":"user.lifecycle.unsuspend","status":"active"}',1,'2026-01-05T10:12:00.000Z','{"at":"2026-01-05T09:11:30Z","sign":{"way":"app","event":"user.authentication.sso","app":"Payroll"}}','entra');
CREATE INDEX sweep_unfinished ON sweep (id) WHERE state = 'started';
CREATE INDEX request_policy ON request (policy, id);
CREATE INDEX request_untold ON request (id) WHERE told = 0;
CREATE UNIQUE INDEX candidate_open ON candidate (account_id) WHERE state IN ('proposed', 'due');
CREATE INDEX candidate_account ON candidate (account_id, request);
CREATE UNIQUE INDEX message_ref ON message (channel, ts) WHERE ts IS NOT NULL;
CREATE INDEX receipt_unsettled ON receipt (request) WHERE settled_at IS NULL;
CREATE INDEX audit_account ON audit_event (account_id, seq) WHERE account_id IS NOT NULL;
CREATE INDEX audit_request ON audit_event (request, seq) WHERE request IS NOT NULL;
CREATE INDEX audit_action ON audit_event (action, seq);
CREATE INDEX audit_policy ON audit_event (policy, seq) WHERE policy IS NOT NULL;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit_event
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
CREATE TRIGGER audit_appends BEFORE INSERT ON audit_event
WHEN NEW.seq != coalesce((SELECT max(seq) FROM audit_event), 0) + 1
    OR NEW.prev_hash != coalesce((SELECT hash FROM audit_event ORDER BY seq DESC LIMIT 1), NEW.prev_hash)
BEGIN SELECT RAISE(ABORT, 'audit events are only appended'); END;
CREATE INDEX exemption_open ON exemption (policy, ends_at) WHERE ended_at IS NULL;
CREATE INDEX exemption_account ON exemption (account_id, id);
CREATE UNIQUE INDEX restoration_due ON restoration (account_id) WHERE state = 'due';
CREATE INDEX restoration_account ON restoration (account_id, id);
CREATE INDEX restoration_request ON restoration (request) WHERE request IS NOT NULL;
CREATE UNIQUE INDEX watch_open ON watch (account_id) WHERE ended_at IS NULL;
CREATE INDEX watch_due ON watch (policy, next_at) WHERE ended_at IS NULL;
CREATE INDEX home_opened ON home (opened_at);
CREATE INDEX audit_policy_at ON audit_event (policy, at) WHERE policy IS NOT NULL;
CREATE INDEX audit_by ON audit_event (by_id, seq, policy) WHERE by_id IS NOT NULL;
CREATE INDEX audit_by_action ON audit_event (by_id, action, seq, policy) WHERE by_id IS NOT NULL;
CREATE INDEX audit_policy_action ON audit_event (policy, action, seq) WHERE policy IS NOT NULL;
CREATE TRIGGER audit_subject_known AFTER INSERT ON audit_event
WHEN NEW.account_id IS NOT NULL AND NEW.login IS NOT NULL
BEGIN INSERT OR IGNORE INTO audit_subject VALUES (NEW.account_id, NEW.login); END;
CREATE TRIGGER audit_day_known AFTER INSERT ON audit_event
BEGIN
    INSERT INTO audit_day VALUES (substr(NEW.at, 1, 10), NEW.seq, NEW.seq)
    ON CONFLICT (day) DO UPDATE SET last_seq = NEW.seq;
END;
CREATE UNIQUE INDEX pause_in_force ON pause (policy) WHERE ended IS NULL;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_event
WHEN OLD.seq > coalesce((SELECT seq FROM audit_archived), 0)
BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
CREATE TRIGGER audit_archived_begins BEFORE INSERT ON audit_archived
WHEN NOT EXISTS (SELECT 1 FROM audit_event WHERE action = 'archived'
    AND json_extract(detail, '$.up_to') = NEW.seq AND json_extract(detail, '$.head') = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'what is removed from the audit trail is recorded first'); END;
CREATE TRIGGER audit_archived_grows BEFORE UPDATE ON audit_archived
WHEN NEW.seq <= OLD.seq OR NOT EXISTS (SELECT 1 FROM audit_event WHERE action = 'archived'
    AND json_extract(detail, '$.up_to') = NEW.seq AND json_extract(detail, '$.head') = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'what is removed from the audit trail is recorded first'); END;
CREATE TRIGGER audit_archived_stays BEFORE DELETE ON audit_archived
BEGIN SELECT RAISE(ABORT, 'where the audit trail begins is never forgotten'); END;
CREATE TRIGGER lineage_stays BEFORE DELETE ON lineage
BEGIN SELECT RAISE(ABORT, 'a database keeps its id'); END;
CREATE TRIGGER lineage_only_grows BEFORE UPDATE ON lineage
WHEN NEW.id != OLD.id OR NEW.epoch < OLD.epoch OR NEW.last_request < OLD.last_request
    OR NEW.last_restoration < OLD.last_restoration
BEGIN SELECT RAISE(ABORT, 'a database keeps its id, and its epoch only grows'); END;
CREATE INDEX message_due ON message (due_at) WHERE due_at IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('sweep',6);
INSERT INTO "sqlite_sequence" VALUES('audit_event',33);
INSERT INTO "sqlite_sequence" VALUES('request',5);
INSERT INTO "sqlite_sequence" VALUES('exemption',2);
INSERT INTO "sqlite_sequence" VALUES('restoration',1);
INSERT INTO "sqlite_sequence" VALUES('watch',1);
INSERT INTO "sqlite_sequence" VALUES('digest',1);
INSERT INTO "sqlite_sequence" VALUES('question',1);
INSERT INTO "sqlite_sequence" VALUES('pause',1);
COMMIT;
