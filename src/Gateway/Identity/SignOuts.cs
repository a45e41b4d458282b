using Microsoft.AspNetCore.Authentication;

namespace Gateway.Identity;

/// <summary>Who signs out at one of the two origins is signed out at the other.</summary>
internal sealed class SignOuts(CredentialsOrigin credentials, ISignInStore store, SignIns signIns)
{
    /// <summary>
    /// Ends the sign-ins at the other origin that came of the same session of the provider; where the provider names none, all of that user's there, because
    /// which browser they are in is not known.
    /// </summary>
    public async Task EndAtOtherOriginAsync(AuthenticationTicket ended)
    {
        if (!credentials.IsSet || GroupOf(ended.Properties) is not { } group)
        {
            return;
        }

        var other = ended.AuthenticationScheme == IdentitySchemes.Credentials ? IdentitySchemes.Cookie : IdentitySchemes.Credentials;
        foreach (var id in await store.GroupAsync(group))
        {
            var (ticket, known) = await signIns.FindAsync(id);
            if (!known || ticket?.AuthenticationScheme == other)
            {
                await signIns.EndAsync(id);
            }
        }
    }

    private static string? GroupOf(AuthenticationProperties properties) =>
        properties.Items.TryGetValue(SignIns.SessionGroupItem, out var session) ? session
        : properties.Items.TryGetValue(SignIns.SubjectGroupItem, out var subject) ? subject
        : null;
}
