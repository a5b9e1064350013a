/** The document that the playground shows first. */
export const DEFAULT_QUERY = `# Welcome to Ambit.
#
# 1. Sign in: run this, and copy the accessToken.
# 2. Open "Headers" below and enter
#      { "Authorization": "Bearer <accessToken>" }
# 3. Run the query Me, then look around in the documentation (book icon).

mutation SignIn {
  signIn(input: { email: "admin@acme.test", password: "ambit-demo" }) {
    session { accessToken expiresAt organization { name } }
    errors { code message }
  }
}

query Me {
  viewer {
    user { name }
    organization { name }
    role { name }
    permissions
  }
  checks(first: 5) {
    totalCount
    nodes { name category { name } level { name } viewerPermissions }
  }
}
`;
