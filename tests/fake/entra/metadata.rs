//! The properties of Graph's resource types that the fake serves, with their types: what `$select` and `$filter` may
//! name, and what every answer is checked against in the tests.
//!
//! It is the part of Microsoft's own CSDL of v1.0 (<https://github.com/microsoftgraph/msgraph-metadata>, MIT licence,
//! 2026-08-20) that is about these types. `?`: may be null; `[]`: a collection; `any`: a type that the fake doesn't
//! fill.

/// Type by type, ordered by name: `property type`, separated by commas.
pub const TYPES: &[(&str, &str)] = &[
    (
        "administrativeUnit",
        "id text, deletedDateTime date?, description text?, displayName text?, isMemberManagementRestricted \
         bool?, membershipRule text?, membershipRuleProcessingState text?, membershipType text?, visibility \
         text?",
    ),
    ("appIdentity", "appId text?, displayName text?, servicePrincipalId text?, servicePrincipalName text?"),
    ("assignedPlan", "assignedDateTime date?, capabilityStatus text?, service text?, servicePlanId text?"),
    ("auditActivityInitiator", "app appIdentity?, user userIdentity?"),
    (
        "deviceDetail",
        "browser text?, deviceId text?, displayName text?, isCompliant bool?, isManaged bool?, \
         operatingSystem text?, trustType text?",
    ),
    (
        "directoryAudit",
        "id text, activityDateTime date, activityDisplayName text, additionalDetails keyValue[], category \
         text, correlationId text?, initiatedBy auditActivityInitiator, loggedByService text?, operationType \
         text?, result text?, resultReason text?, targetResources targetResource[]",
    ),
    ("directoryObject", "id text, deletedDateTime date?"),
    (
        "directoryRole",
        "id text, deletedDateTime date?, description text?, displayName text?, roleTemplateId text?",
    ),
    (
        "group",
        "id text, deletedDateTime date?, accessType text?, allowExternalSenders bool?, assignedLabels any[], \
         assignedLicenses any[], autoSubscribeNewMembers bool?, classification text?, createdDateTime date?, \
         description text?, displayName text?, expirationDateTime date?, groupTypes text[], \
         hasMembersWithLicenseErrors bool?, hideFromAddressLists bool?, hideFromOutlookClients bool?, \
         infoCatalogs text[], isArchived bool?, isAssignableToRole bool?, isFavorite bool?, \
         isManagementRestricted bool?, isSubscribedByMail bool?, licenseProcessingState any?, mail text?, \
         mailEnabled bool?, mailNickname text?, membershipRule text?, membershipRuleProcessingState text?, \
         onPremisesDomainName text?, onPremisesExtensionAttributes onPremisesExtensionAttributes?, \
         onPremisesLastSyncDateTime date?, onPremisesNetBiosName text?, onPremisesProvisioningErrors any[], \
         onPremisesSamAccountName text?, onPremisesSecurityIdentifier text?, onPremisesSyncEnabled bool?, \
         organizationId text?, preferredDataLocation text?, preferredLanguage text?, proxyAddresses text[], \
         renewedDateTime date?, resourceBehaviorOptions text[], resourceProvisioningOptions text[], \
         securityEnabled bool?, securityIdentifier text?, serviceProvisioningErrors any[], theme text?, \
         uniqueName text?, unseenConversationsCount int?, unseenCount int?, unseenMessagesCount int?, \
         visibility text?, welcomeMessageEnabled bool?",
    ),
    ("keyValue", "key text?, value text?"),
    ("modifiedProperty", "displayName text?, newValue text?, oldValue text?"),
    (
        "onPremisesExtensionAttributes",
        "extensionAttribute1 text?, extensionAttribute10 text?, extensionAttribute11 text?, \
         extensionAttribute12 text?, extensionAttribute13 text?, extensionAttribute14 text?, \
         extensionAttribute15 text?, extensionAttribute2 text?, extensionAttribute3 text?, \
         extensionAttribute4 text?, extensionAttribute5 text?, extensionAttribute6 text?, extensionAttribute7 \
         text?, extensionAttribute8 text?, extensionAttribute9 text?",
    ),
    (
        "organization",
        "id text, deletedDateTime date?, assignedPlans assignedPlan[], businessPhones text[], city text?, \
         country text?, countryLetterCode text?, createdDateTime date?, defaultUsageLocation text?, \
         displayName text?, marketingNotificationEmails text[], mobileDeviceManagementAuthority text, \
         onPremisesLastSyncDateTime date?, onPremisesSyncEnabled bool?, partnerTenantType text?, postalCode \
         text?, preferredLanguage text?, privacyProfile any?, provisionedPlans any[], \
         securityComplianceNotificationMails text[], securityComplianceNotificationPhones text[], state \
         text?, street text?, technicalNotificationMails text[], tenantType text?, verifiedDomains \
         verifiedDomain[]",
    ),
    (
        "servicePrincipal",
        "id text, deletedDateTime date?, accountEnabled bool?, addIns any[], alternativeNames text[], \
         appDescription text?, appDisplayName text?, appId text?, applicationTemplateId text?, \
         appOwnerOrganizationId text?, appRoleAssignmentRequired bool, appRoles any[], createdByAppId text?, \
         customSecurityAttributes any?, description text?, disabledByMicrosoftStatus text?, displayName \
         text?, homepage text?, info any?, isDisabled bool?, keyCredentials any[], loginUrl text?, logoutUrl \
         text?, notes text?, notificationEmailAddresses text[], oauth2PermissionScopes any[], \
         passwordCredentials any[], preferredSingleSignOnMode text?, preferredTokenSigningKeyThumbprint \
         text?, replyUrls text[], resourceSpecificApplicationPermissions any[], samlSingleSignOnSettings \
         any?, servicePrincipalNames text[], servicePrincipalType text?, signInAudience text?, tags text[], \
         tokenEncryptionKeyId text?, verifiedPublisher any?",
    ),
    (
        "signIn",
        "id text, appDisplayName text?, appId text?, appliedConditionalAccessPolicies any[], \
         authenticationAppDeviceDetails any?, clientAppUsed text?, conditionalAccessStatus text?, \
         correlationId text?, createdDateTime date, deviceDetail deviceDetail?, homeTenantId text?, ipAddress \
         text?, isInteractive bool?, location signInLocation?, resourceDisplayName text?, resourceId text?, \
         resourceTenantId text?, riskDetail text?, riskEventTypes text[], riskEventTypes_v2 text[], \
         riskLevelAggregated text?, riskLevelDuringSignIn text?, riskState text?, servicePrincipalId text?, \
         servicePrincipalName text?, status signInStatus?, userAgent text?, userDisplayName text?, userId \
         text, userPrincipalName text?",
    ),
    (
        "signInActivity",
        "lastNonInteractiveSignInDateTime date?, lastNonInteractiveSignInRequestId text?, lastSignInDateTime \
         date?, lastSignInRequestId text?, lastSuccessfulSignInDateTime date?, lastSuccessfulSignInRequestId \
         text?",
    ),
    ("signInLocation", "city text?, countryOrRegion text?, geoCoordinates any?, state text?"),
    ("signInStatus", "additionalDetails text?, errorCode int?, failureReason text?"),
    (
        "targetResource",
        "displayName text?, groupType text?, id text?, modifiedProperties modifiedProperty[], type text?, \
         userPrincipalName text?",
    ),
    (
        "unifiedRoleAssignment",
        "id text, appScopeId text?, condition text?, directoryScopeId text?, principalId text?, \
         principalOrganizationId text?, roleDefinitionId text?, principal directoryObject?",
    ),
    (
        "unifiedRoleEligibilitySchedule",
        "id text, appScopeId text?, createdDateTime date?, createdUsing text?, directoryScopeId text?, \
         modifiedDateTime date?, principalId text?, roleDefinitionId text?, status text?, memberType text?, \
         scheduleInfo any?",
    ),
    (
        "unifiedRoleEligibilityScheduleInstance",
        "id text, appScopeId text?, directoryScopeId text?, principalId text?, roleDefinitionId text?, \
         endDateTime date?, memberType text?, roleEligibilityScheduleId text?, startDateTime date?",
    ),
    (
        "user",
        "id text, deletedDateTime date?, aboutMe text?, accountEnabled bool?, ageGroup text?, \
         assignedLicenses any[], assignedPlans assignedPlan[], authorizationInfo any?, birthday date, \
         businessPhones text[], city text?, companyName text?, consentProvidedForMinor text?, country text?, \
         createdDateTime date?, creationType text?, customSecurityAttributes any?, department text?, \
         deviceEnrollmentLimit int, displayName text?, employeeHireDate date?, employeeId text?, \
         employeeLeaveDateTime date?, employeeOrgData any?, employeeType text?, externalUserState text?, \
         externalUserStateChangeDateTime date?, faxNumber text?, givenName text?, hireDate date, identities \
         any[], identityParentId text?, imAddresses text[], interests text[], isManagementRestricted bool?, \
         isResourceAccount bool?, jobTitle text?, lastPasswordChangeDateTime date?, \
         legalAgeGroupClassification text?, licenseAssignmentStates any[], mail text?, mailboxSettings any?, \
         mailNickname text?, mobilePhone text?, mySite text?, officeLocation text?, \
         onPremisesDistinguishedName text?, onPremisesDomainName text?, onPremisesExtensionAttributes \
         onPremisesExtensionAttributes?, onPremisesImmutableId text?, onPremisesLastSyncDateTime date?, \
         onPremisesProvisioningErrors any[], onPremisesSamAccountName text?, onPremisesSecurityIdentifier \
         text?, onPremisesSyncEnabled bool?, onPremisesUserPrincipalName text?, otherMails text[], \
         passwordPolicies text?, passwordProfile any?, pastProjects text[], postalCode text?, \
         preferredDataLocation text?, preferredLanguage text?, preferredName text?, print any?, \
         provisionedPlans any[], proxyAddresses text[], responsibilities text[], schools text[], \
         securityIdentifier text?, serviceProvisioningErrors any[], showInAddressList bool?, signInActivity \
         signInActivity?, signInSessionsValidFromDateTime date?, skills text[], state text?, streetAddress \
         text?, surname text?, usageLocation text?, userPrincipalName text?, userType text?",
    ),
    ("userIdentity", "displayName text?, id text?, ipAddress text?, userPrincipalName text?"),
    ("verifiedDomain", "capabilities text?, isDefault bool?, isInitial bool?, name text?, type text?"),
];

/// The type of a property of a resource type; `None` if there is no such property.
pub fn property(resource: &str, name: &str) -> Option<&'static str> {
    properties(resource).find(|(property, _)| *property == name).map(|(_, kind)| kind)
}

/// All properties of a resource type with their types.
pub fn properties(resource: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let found = TYPES.iter().find(|(name, _)| *name == resource);
    let (_, properties) = found.unwrap_or_else(|| panic!("the fake knows no type {resource}"));
    properties.split(", ").filter_map(|property| property.split_once(' '))
}
