using Gateway.Identity.Access;
using Gateway.Identity.Tokens;

namespace Gateway.Identity;

/// <summary>What other replicas ended or changed, as the change feed tells it; the host connects the two.</summary>
internal sealed class IdentityChanges(SignIns signIns, PersonalTokens tokens, UserAccess access)
{
    /// <summary>A sign-in or token has ended or says something else, on this replica or another; null: any may have.</summary>
    public event Action<string?>? CredentialDoubted;

    /// <summary>The kinds of the map's own records are not for us, and a kind we do not know is a newer version's.</summary>
    public void Hear(string kind, string id)
    {
        if (kind == ChangeKinds.Credential)
        {
            signIns.HasEnded(id);
            tokens.HasEnded(id);
            CredentialDoubted?.Invoke(id);
        }
        else if (kind == ChangeKinds.SignIn)
        {
            signIns.Unverify(id);
            CredentialDoubted?.Invoke(id);
        }
        else if (kind == ChangeKinds.Access)
        {
            access.Hear(id);
        }
    }

    /// <summary>Something may have ended unheard.</summary>
    public void Missed()
    {
        signIns.Unverify();
        tokens.Unverify();
        access.Unverify();
        CredentialDoubted?.Invoke(null);
    }
}
