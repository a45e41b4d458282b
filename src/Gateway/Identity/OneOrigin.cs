namespace Gateway.Identity;

/// <summary>What a workspace left behind in the browser shares our origin and outlives a sign-out: its service workers and its storage.</summary>
internal static class OneOrigin
{
    /// <summary>Not cookies: ours are ended one by one, and the workspace's are the user's.</summary>
    public static void ForgetStorage(HttpResponse response) => response.Headers["Clear-Site-Data"] = "\"storage\"";
}
