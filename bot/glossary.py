"""Twilio's names of fields, documents and choices, for the catalogue: pages show them in the reader's language.

Words only, no rules: a name that is not here is shown as Twilio gives it.
"""

from bot.texts import N_

FIELDS = (
    N_("Business Name"),
    N_("Business Registration Number"),
    N_("Business Registration Identifier"),
    N_("Business Website"),
    N_("Business Identity"),
    N_("Business Description"),
    N_("First Name"),
    N_("Last Name"),
    N_("Date of Birth"),
    N_("Email"),
    N_("Phone Number"),
    N_("Document Number"),
    N_("Is Sub-assigned"),
    N_("Comments"),
    N_("Address sid(s)"),
)
REQUIREMENTS = (
    N_("Business"),
    N_("Individual"),
    N_("Address"),
    N_("Proof of Identity"),
    N_("Proof of Address"),
    N_("Proof of Registration"),
    N_("Proof of Business Identity"),
    N_("Business Registration"),
    N_("Business Address"),
    N_("Business Address (Proof of Address)"),
    N_("Individual Address"),
    N_("Business Name and Address"),
    N_("Name of Authorized Representative"),
    N_("Name and Address of Authorized Representative"),
    N_("Address of Authorized Representative (Proof of Address)"),
    N_("Date of Birth of Authorized Representative"),
    N_("Authorization of the Representative"),
    N_("Authorization of Representative"),
    N_("Beneficial Ownership and Identity"),
)
DOCUMENTS = (
    N_("Address Validation"),
    N_("Business registration"),
    N_("Certificate of driving record"),
    N_("Company by-laws"),
    N_("Company seal certificate"),
    N_("Corporate registry certificate"),
    N_("Driver's licence"),
    N_("Excerpt from the commercial register"),
    N_("Extract from the commercial register"),
    N_("Government-issued ID"),
    N_("Health insurance certificate"),
    N_("Letter of authorization"),
    N_("National ID card"),
    N_("Passport"),
    N_("Personal ID card"),
    N_("Power of attorney"),
    N_("Regulatory bundle application (declaration of beneficial ownership)"),
    N_("Rent receipt"),
    N_("Residence permit"),
    N_("Tax notice"),
    N_("Title deed"),
    N_("Trade licence"),
    N_("Utility bill"),
)
CHOICES = (
    N_("Yes"),
    N_("No"),
    N_("Other"),
    N_("Direct customer"),
    N_("Independent software vendor"),
)
