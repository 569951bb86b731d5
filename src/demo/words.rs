//! Words: the names, models and titles that rows are made of.

/// The NetBIOS names of the domains; Entra-joined devices show the last one.
pub(super) const DOMAINS: [&str; 4] = ["EMEA", "AMER", "APAC", "AzureAD"];
pub(super) const ENTRA: usize = 3;
pub(super) const DOMAIN_OF: [usize; 10] = [0, 1, 0, 2, 0, 1, 0, 2, 1, ENTRA];
pub(super) const SUFFIXES: [&str; 2] = ["contoso.com", "fabrikam.com"];
pub(super) const SERIAL_LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPQRSTUVWX";

/// Name, type and relative id of the local accounts.
pub(super) const LOCAL_ACCOUNTS: [(&str, &str, u32); 5] = [
    ("Administrator", "LOCAL_ADMIN", 500),
    ("localadmin", "LOCAL_ADMIN", 1001),
    ("win11local", "LOCAL_USER", 1002),
    ("support", "LOCAL_ADMIN", 1003),
    ("user", "LOCAL_USER", 1001),
];

pub(super) const SERVICES: [&str; 8] = [
    "backup", "sap", "scan", "sql", "print", "deploy", "monitor", "rpa",
];

/// Manufacturer, model, and how its serial numbers begin.
pub(super) const LAPTOPS: &[(&str, &str, &str)] = &[
    ("Lenovo", "ThinkPad T14 Gen 4", "PF"),
    ("Lenovo", "ThinkPad X1 Carbon Gen 11", "PF"),
    ("Lenovo", "ThinkPad P16s Gen 2", "PF"),
    ("HP", "EliteBook 840 G10", "5CG"),
    ("HP", "ZBook Firefly 14 G10", "5CG"),
    ("Dell Inc.", "Latitude 5440", ""),
    ("Dell Inc.", "Precision 3480", ""),
    ("Microsoft Corporation", "Surface Laptop 5", "0F"),
];
pub(super) const DESKTOPS: &[(&str, &str, &str)] = &[
    ("HP", "EliteDesk 800 G9", "CZC"),
    ("Dell Inc.", "OptiPlex 7010", ""),
    ("Lenovo", "ThinkCentre M70q Gen 4", "MJ"),
];
pub(super) const VIRTUAL: &[(&str, &str, &str)] = &[
    ("VMware, Inc.", "VMware7,1", "VMware-"),
    ("Microsoft Corporation", "Virtual Machine", ""),
];
pub(super) const MACS: &[(&str, &str, &str)] = &[
    ("Apple Inc.", "MacBookPro18,3", "C02"),
    ("Apple Inc.", "Mac14,2", "C02"),
];

pub(super) const WINDOWS: &[&str] = &[
    "Windows 10 Enterprise 22H2 (64 bits)",
    "Windows 11 Pro 22H2 (64 bits)",
    "Windows 11 Enterprise 23H2 (64 bits)",
    "Windows 11 Enterprise 24H2 (64 bits)",
    "Windows 11 Enterprise 25H2 (64 bits)",
];
pub(super) const MACOS: &[&str] = &[
    "macOS Ventura 13.7",
    "macOS Sonoma 14.7",
    "macOS Sequoia 15.6",
    "macOS Tahoe 26.1",
];

pub(super) const SITES: [&str; 18] = [
    "Lausanne", "Zurich", "Geneva", "London", "Paris", "Lyon", "Madrid", "Lisbon", "Milan",
    "Munich", "Berlin", "Vienna", "Warsaw", "Boston", "Chicago", "Austin", "Tokyo", "Sydney",
];

pub(super) const DEPARTMENTS: [&str; 20] = [
    "Finance", "Sales", "Legal", "Audit", "Research", "Quality", "Treasury", "Security", "Product",
    "Support", "Design", "HR", "IT", "Planning", "Training", "Supply", "Claims", "Medical",
    "Retail", "Tax",
];

pub(super) const JOB_TITLES: [&str; 20] = [
    "Analyst", "Engineer", "Manager", "Director", "Planner", "Buyer", "Counsel", "Designer",
    "Chemist", "Clerk", "Trainer", "Auditor", "Trader", "Driver", "Partner", "Advisor", "Nurse",
    "Editor", "Welder", "Scout",
];

pub(super) const FIRST_NAMES: [&str; 78] = [
    "Adam", "Agnes", "Ahmed", "Aiko", "Alice", "Amélie", "Amir", "Ana", "Anders", "Anna",
    "Antoine", "Aoife", "Beatriz", "Ben", "Carlos", "Carmen", "Chloé", "Claire", "Daniel", "David",
    "Diego", "Elena", "Emily", "Emma", "Erik", "Eva", "Fatima", "Felix", "Fiona", "Greta",
    "Hannah", "Hans", "Hiroshi", "Ines", "Ingrid", "Isabel", "Ivan", "James", "Jan", "Jing",
    "Joao", "Johanna", "John", "José", "Julia", "Karin", "Kenji", "Lars", "Laura", "Léa", "Li",
    "Lucas", "Łukasz", "Marco", "Maria", "Marta", "Martin", "Mei", "Michael", "Monika", "Nadia",
    "Nina", "Olga", "Omar", "Paolo", "Pedro", "Petra", "Priya", "Rafael", "Ravi", "Sarah", "Sofia",
    "Søren", "Thomas", "Ursula", "Wei", "Yusuf", "Zoë",
];

pub(super) const LAST_NAMES: [&str; 115] = [
    "Almeida", "Andersen", "Bakker", "Barbosa", "Baumann", "Becker", "Bernard", "Bianchi", "Blanc",
    "Brown", "Brunner", "Carvalho", "Castro", "Chen", "Clark", "Colombo", "Conti", "Costa", "Cruz",
    "Davies", "Dias", "Doe", "Dubois", "Dupont", "Eriksen", "Evans", "Fabre", "Favre", "Ferrari",
    "Fischer", "Fontana", "Fournier", "Garcia", "Gerber", "Girard", "Gomez", "Graf", "Green",
    "Gupta", "Hall", "Hansen", "Harris", "Hoffmann", "Horvat", "Huber", "Hughes", "Ito", "Ivanov",
    "Jackson", "Jansen", "Jones", "Kaya", "Keller", "Khan", "Kim", "Kovacs", "Kowalski", "Kumar",
    "Lambert", "Larsen", "Lee", "Lefebvre", "Lopez", "Mancini", "Marques", "Martinez", "Meier",
    "Mercier", "Meyer", "Miller", "Moreau", "Moretti", "Müller", "Muñoz", "Murphy", "Nakamura",
    "Nguyen", "Nielsen", "Novak", "Nowak", "O'Brien", "Olsen", "Patel", "Pereira", "Perez",
    "Petrov", "Popescu", "Quinn", "Ramos", "Rey", "Ricci", "Rossi", "Roth", "Ruiz", "Sánchez",
    "Santos", "Sato", "Schmid", "Silva", "Singh", "Šimić", "Smith", "Sousa", "Suzuki", "Tanaka",
    "Taylor", "Torres", "Turner", "Vega", "Wagner", "Walker", "Wang", "Weber", "Wilson",
    "Yamamoto",
];
