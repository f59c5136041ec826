//! A believable org for the sandbox: the same one every time, its dates relative to the fake's clock. The names
//! cover scripts and directions, and two people carry markup that a chat must not act on.

use super::{FakeOkta, Person, Status};

/// What a guide through the demo needs to name.
pub struct Demo {
    /// The group whose members are left alone.
    pub exempt_group: String,
    /// Login of the contractor who only uses app sign-on: old `lastLogin`, fresh log.
    pub sso_only: String,
    /// Login of the idle contractor who holds an admin role.
    pub admin: String,
    /// Login of an idle contractor who is good for signing in between a sweep and its approval.
    pub signs_in_meanwhile: String,
}

/// How a contractor of the demo differs from the rest.
#[derive(Clone, Copy)]
enum Story {
    /// Signed in that many days ago.
    SeenDaysAgo(i64),
    /// Never signed in; created that many days ago.
    NeverSeen(i64),
    /// Last signed in 52 days ago, opened an app yesterday.
    SsoOnly,
    /// Member of the exempt group, signed in that many days ago.
    Exempt(i64),
    /// Holds an admin role, signed in 30 days ago.
    Admin,
    /// In this status, signed in 60 days ago.
    Stopped(Status),
}

use Story::{Admin, Exempt, NeverSeen, SeenDaysAgo, SsoOnly, Stopped};

/// Login, first name, last name, organisation, story.
type Row = (&'static str, &'static str, &'static str, &'static str, Story);

const CONTRACTORS: [Row; 40] = [
    ("ada.okafor", "Ada", "Okafor", "Northwind Staffing", SeenDaysAgo(41)),
    ("bjorn.aasen", "Bjørn", "Aasen", "Fjord Consulting", SeenDaysAgo(12)),
    ("chidi.eze", "Chidi", "Eze", "Northwind Staffing", SeenDaysAgo(97)),
    ("noor.haddad", "نور", "حداد", "Levant Digital", SeenDaysAgo(23)),
    ("mei.tanaka", "芽依", "田中", "Sakura Systems", SeenDaysAgo(9)),
    ("broadcast", "<!channel>", "", "Northwind Staffing", SeenDaysAgo(18)),
    ("bold.ticks", "*bold*", "`ticks` <https://evil.example|click>", "Fjord Consulting", SeenDaysAgo(33)),
    ("zofia.wisniewska", "Zofia", "Wiśniewska", "Vistula Works", SeenDaysAgo(8)),
    ("sean.ohara", "Seán", "O'Hara", "Liffey Partners", SeenDaysAgo(150)),
    ("priya.raghunathan", "Priya", "Raghunathan-Venkatasubramanian", "Deccan Labs", SeenDaysAgo(15)),
    ("tomas.novak", "Tomáš", "Novák", "Vistula Works", NeverSeen(3)),
    ("lerato.mokoena", "Lerato", "Mokoena", "Northwind Staffing", NeverSeen(45)),
    ("yael.bendavid", "יעל", "בן־דוד", "Levant Digital", NeverSeen(120)),
    ("ines.carvalho", "Inês", "Carvalho", "Tejo Studio", SsoOnly),
    ("oncall.vendor", "Rosa", "Delgado", "Pager Services", Exempt(64)),
    ("night.watch", "Kwame", "Boateng", "Pager Services", Exempt(21)),
    ("marta.helpdesk", "Marta", "Rossi", "Fjord Consulting", Admin),
    ("viktor.petrov", "Виктор", "Петров", "Volga Soft", Stopped(Status::LockedOut)),
    ("aylin.demir", "Aylin", "Demir", "Bosporus IT", Stopped(Status::Suspended)),
    ("jonas.weber", "Jonas", "Weber", "Fjord Consulting", Stopped(Status::Suspended)),
    ("hana.kim", "하나", "김", "Sakura Systems", Stopped(Status::PasswordExpired)),
    ("paul.martin", "Paul", "Martin", "Tejo Studio", Stopped(Status::Deprovisioned)),
    ("li.wei", "伟", "李", "Sakura Systems", SeenDaysAgo(0)),
    ("fatima.zahra", "Fatima", "El Zahra", "Levant Digital", SeenDaysAgo(1)),
    ("george.lee", "George", "Lee", "Northwind Staffing", SeenDaysAgo(2)),
    ("anika.sharma", "Anika", "Sharma", "Deccan Labs", SeenDaysAgo(0)),
    ("diego.fuentes", "Diego", "Fuentes", "Tejo Studio", SeenDaysAgo(3)),
    ("elena.popescu", "Elena", "Popescu", "Vistula Works", SeenDaysAgo(4)),
    ("omar.farouk", "عمر", "فاروق", "Levant Digital", SeenDaysAgo(1)),
    ("greta.lind", "Greta", "Lind", "Fjord Consulting", SeenDaysAgo(5)),
    ("nguyen.anh", "Ánh", "Nguyễn", "Mekong Code", SeenDaysAgo(0)),
    ("kofi.mensah", "Kofi", "Mensah", "Northwind Staffing", SeenDaysAgo(2)),
    ("sofia.rinaldi", "Sofia", "Rinaldi", "Tejo Studio", SeenDaysAgo(6)),
    ("dmitri.orlov", "Дмитрий", "Орлов", "Volga Soft", SeenDaysAgo(1)),
    ("amara.diallo", "Amara", "Diallo", "Northwind Staffing", SeenDaysAgo(0)),
    ("lucas.silva", "Lucas", "Silva", "Tejo Studio", SeenDaysAgo(3)),
    ("mary.jones", "Mary", "Jones", "Liffey Partners", SeenDaysAgo(2)),
    ("arjun.nair", "Arjun", "Nair", "Deccan Labs", SeenDaysAgo(4)),
    ("chloe.dubois", "Chloé", "Dubois", "Tejo Studio", SeenDaysAgo(1)),
    ("temuera.ngata", "Temuera", "Ngata", "Mekong Code", SeenDaysAgo(0)),
];

const FIRST_NAMES: [&str; 16] = [
    "Alice", "Bruno", "Carla", "Daniel", "Emma", "Felix", "Grace", "Hugo", "Ingrid", "Jamal", "Karin", "Leo",
    "Mina", "Nils", "Olga", "Pedro",
];
const LAST_NAMES: [&str; 10] =
    ["Berg", "Castro", "Dahl", "Evans", "Fischer", "Garcia", "Huang", "Ito", "Jensen", "Khan"];
const DEPARTMENTS: [&str; 6] = ["Engineering", "Finance", "Sales", "Support", "Design", "Operations"];
const EMPLOYEES: usize = 159;

/// Adds 40 contractors and 159 employees to the org.
pub fn seed_demo(okta: &FakeOkta) -> Demo {
    let exempt_group = okta.add_group("Always-on contractors");
    for number in 0..EMPLOYEES {
        okta.add(employee(number));
    }
    for (number, row) in CONTRACTORS.iter().enumerate() {
        okta.add(contractor(number, row, &exempt_group));
    }
    Demo {
        exempt_group,
        sso_only: login("ines.carvalho"),
        admin: login("marta.helpdesk"),
        signs_in_meanwhile: login("mei.tanaka"),
    }
}

/// Contractors that the switch of the sandbox adds.
pub const BIG_ORG: usize = 500;

/// Adds so many idle contractors that lists get pages and brakes have something to hold. Once: logins are unique.
pub fn seed_big_org(okta: &FakeOkta) {
    for number in 0..BIG_ORG {
        let (first, last) = employee_name(number * 3);
        let days = 8 + i64::try_from(number * 7 % 160).expect("a remainder is small");
        let login = format!("{first}.{last}.{number:03}@big.example").to_lowercase();
        let person = Person::contractor(&login)
            .name(first, &format!("{last} {number:03}"))
            .organization("Everywhere Staffing")
            .created_days_ago(400)
            .last_login_ago(some_hours_and(days));
        okta.add(person);
    }
}

fn login(local_part: &str) -> String {
    format!("{local_part}@ext.example")
}

fn contractor(number: usize, row: &Row, exempt_group: &str) -> Person {
    let (local_part, first, last, organization, story) = *row;
    let manager = employee_name(number * 7);
    let age = 90 + 11 * i64::try_from(number).expect("a table's index is small");
    let person = Person::contractor(&login(local_part))
        .name(first, last)
        .organization(organization)
        .department(DEPARTMENTS[number % DEPARTMENTS.len()])
        .manager(&format!("{} {}", manager.0, manager.1))
        .created_days_ago(age + 100);
    match story {
        SeenDaysAgo(days) => person.last_login_ago(some_hours_and(days)),
        NeverSeen(days) => person.never_signed_in().created_days_ago(days),
        SsoOnly => person.last_login_days_ago(52).sso_days_ago(20).sso_days_ago(1),
        Exempt(days) => person.last_login_days_ago(days).in_group(exempt_group),
        Admin => person.last_login_days_ago(30).admin_role("HELP_DESK_ADMIN"),
        Stopped(status) => person.last_login_days_ago(60).status(status).status_changed_days_ago(25),
    }
}

/// Nobody signs in on the stroke of the hour.
fn some_hours_and(days: i64) -> chrono::Duration {
    chrono::Duration::days(days) + chrono::Duration::minutes(37 + days % 11 * 13)
}

/// Sixteen first names times ten last names: 160 different people.
fn employee_name(number: usize) -> (&'static str, &'static str) {
    let number = number % EMPLOYEES;
    (FIRST_NAMES[number % FIRST_NAMES.len()], LAST_NAMES[number / FIRST_NAMES.len()])
}

fn employee(number: usize) -> Person {
    let (first, last) = employee_name(number);
    let days = i64::try_from(number * 5 % 29).expect("a remainder is small");
    let login = format!("{first}.{last}@corp.example").to_lowercase();
    Person::employee(&login)
        .name(first, last)
        .organization("Example Corp")
        .department(DEPARTMENTS[number % DEPARTMENTS.len()])
        .last_login_ago(some_hours_and(days))
}
