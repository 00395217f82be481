"""The form of package that CCP's methods have: a method.json whose scripts bash runs."""
