"""AppStore's "Common application API": tasks made of files by URL. Source: contracts/appstore.md."""
